"""``python -m schedproof`` is the command ``schedproof``."""

if __name__ == "__main__":
    from schedproof_gate.command_line import main

    main()
