"""Sources drawn on the device, or made of a key."""
