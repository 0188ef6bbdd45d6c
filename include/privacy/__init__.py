"""Data protection: what is held of one person, handing it out, and erasing it so that it does not come back."""
