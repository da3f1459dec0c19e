"""How each rule is proved, and its entry; in files of the same names as the rules."""
