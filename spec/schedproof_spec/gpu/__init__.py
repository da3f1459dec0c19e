"""Executes a kernel's own Python source as any thread of any launch, to prove accesses in bounds and no races."""
