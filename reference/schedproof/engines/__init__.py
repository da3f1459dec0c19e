"""The engines that are modelled, one folder each."""
