"""onnxruntime alone: `python -m bench.edge.alone THREADS GRAPH...`. The graphs of a head, one after another,
on zeros, and nothing of Isthmus; a line of standard input is a run, and gets a line.
"""

import sys

import numpy as np
import onnxruntime as ort


def main(threads: int, graphs: list[str]) -> None:
    """Until standard input ends."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    sessions = [ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"]) for graph in graphs]
    [takes] = sessions[0].get_inputs()
    zeros = {takes.name: np.zeros((1, *takes.shape[1:]), np.float32)}
    for _ in sys.stdin:
        values = zeros
        for session in sessions:
            names = [node.name for node in session.get_outputs()]
            values = dict(zip(names, session.run(names, values), strict=True))
        print("ran", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
