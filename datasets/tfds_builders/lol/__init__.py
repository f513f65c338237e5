"""LOL: pairs of pictures in low and in good light."""
