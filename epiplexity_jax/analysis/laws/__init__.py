"""Published scaling laws, laws fitted to losses, and how far the losses determine them."""
