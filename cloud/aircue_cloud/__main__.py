"""python -m aircue_cloud is aircue-cloud."""

from aircue_cloud.cli import main

if __name__ == "__main__":
    main()
