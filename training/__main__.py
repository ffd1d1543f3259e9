"""Train and evaluate models from the command line: `python -m training fit --help`."""

import argparse
import signal
import sys

import settings
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel
from training import index, refit, remeasure
from training.data import command as download
from training.data.download import DownloadFailed
from training.data.manifest import InvalidData
from training.learning import commands as learning
from training.learning.config import InvalidConfig, TrainingFailed
from training.measuring import command as compare
from training.outline import command as outline
from training.report import command as evaluation

ROOMS = (learning, download, compare, outline, index, evaluation, remeasure, refit)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 stopped or failed, 2 unusable settings or data."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for room in ROOMS:
        room.add(commands)
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (InvalidConfig, InvalidData, InvalidModel, settings.InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2
    except (TrainingFailed, DownloadFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on.", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace) -> int:
    """One command, with what it needs of the settings."""
    found = settings.load()
    match given.command:
        case "download":
            official = found.isic_url == settings.ISIC_URL
            return download.run(
                given, url=found.isic_url, official=official, sha256=found.isic_sha256
            )
        case "weights":
            return download.start(given)
        case "compare":
            return compare.run(given)
        case "fit-outline":
            return outline.run(given, found.data_dir / "cache")
        case "index":
            models = Registry(found.models_dir, found.own_models_dir)
            return index.run(given, active=models.active, folder=found.data_dir / "neighbours")
        case "evaluate":
            return evaluation.run(given, found.data_dir / "reports")
        case "refit-unknown":
            return refit.run(given, found.data_dir / "cache")
        case "remeasure":
            return remeasure.run(given, found.data_dir / "cache")
        case _:
            return learning.run(given, found.data_dir / "cache")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())
