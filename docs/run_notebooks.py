"""Execute the notebooks of docs/notebooks and keep their outputs.

Run: python docs/run_notebooks.py  (a minute; the stores are written to a temporary folder)
"""

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent / "notebooks"
SECONDS = 600  # that a cell may take


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """A notebook with new outputs, and without the times at which its cells ran.

    Args:
        path: the notebook.
        folder: where it runs.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
    )
    client.execute()
    return notebook


if __name__ == "__main__":
    for one in sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as work:
            done = executed(one, Path(work))
        done.metadata.pop("language_info", None)  # the version of Python here
        nbformat.write(done, one)
