"""Event files as TensorBoard's writers make them."""

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.summary import scalar, text


def write_events(folder, rows, name="events"):
    """Write rows of (step, {tag: value}) as scalars, with a text among them."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = EventsWriter(str(folder / name))
    for step, values in rows:
        for tag, value in values.items():
            writer.write_event(Event(wall_time=1.0, step=step, summary=scalar(tag, value)))
    writer.write_event(Event(wall_time=1.0, step=0, summary=text("config", "lr 1e-3")))
    writer.close()
    (path,) = folder.glob(f"{name}*")
    return path


def write_tensors(folder, rows):
    """Write rows of (step, {tag: value}) as tensors of doubles, as TensorFlow 2 does."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = EventsWriter(str(folder / "events"))
    for step, values in rows:
        for tag, value in values.items():
            tensor = TensorProto(dtype="DT_DOUBLE", double_val=[value])
            summary = Summary(value=[Summary.Value(tag=tag, tensor=tensor)])
            writer.write_event(Event(wall_time=1.0, step=step, summary=summary))
    writer.close()
