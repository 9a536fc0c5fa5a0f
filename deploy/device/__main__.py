"""`python -m deploy.device -o DIR`: write what a device installs."""

import argparse
from pathlib import Path

from deploy.device.requirements import requirements
from deploy.device.wheel import device_wheel

_ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Write the device's wheel and the list of what it needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("dist/device"), metavar="DIR")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    needs = folder / "requirements.txt"
    needs.write_text(requirements(_ROOT, _ROOT / "constraints.txt"))
    print(f"{device_wheel(_ROOT, folder)}\n{needs}")


if __name__ == "__main__":
    main()
