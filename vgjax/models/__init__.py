"""Networks: one file an architecture, `Module` on its last line; they know tensors, nothing about learning."""
