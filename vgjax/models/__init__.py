"""Networks: a file each, with `Module` on its last line. They know tensors, nothing about learning."""
