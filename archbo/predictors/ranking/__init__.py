"""Networks that learn an order, and the losses that teach it."""
