"""CPU references of expert dispatch and combine, and the limits of the library behind them."""
