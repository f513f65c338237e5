// A worker that says every second that it is time: timers of a page that nobody looks at are held
// up for a minute, and by then the server takes its client for gone.

setInterval(() => postMessage(null), 1000);
