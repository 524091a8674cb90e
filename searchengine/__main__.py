"""``python -m searchengine``: the command line."""

from searchengine.cli.app import main

if __name__ == "__main__":
    main()
