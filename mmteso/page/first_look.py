# Copyright (c) mmteso contributors. All rights reserved.
"""Decodes a stranger's file once, in a process that may fail.

A script that loads nothing but PyAV: what it survives within its limits, the
server's process does, too.
"""
import contextlib
import sys

import av

_PIXELS = 4e7  # of a picture; 8K has 3.3e7


def set_limits(gigabytes: float, seconds: float) -> None:
    """Of this process: its memory, its time, and no files that it writes."""
    with contextlib.suppress(ImportError):  # Windows
        import resource
        for kind, most in (('AS', gigabytes * 2**30), ('CPU', seconds),
                           ('FSIZE', 0), ('CORE', 0)):
            with contextlib.suppress(OSError, ValueError):  # macOS
                resource.setrlimit(
                    getattr(resource, f'RLIMIT_{kind}'), 2 * [int(most)])


def look(path: str, kind: str, seconds: float) -> None:
    """Decode a 'video' or 'audio' stream, so many seconds of it."""
    with open(path, 'rb') as file, av.open(
            file, options=dict(protocol_whitelist='none')) as container:
        streams = [
            stream for stream in getattr(container.streams, kind)
            if 'attached_pic' not in str(stream.disposition)
        ]
        shape = start = None
        for packet in container.demux(streams[0]) if streams else ():
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except av.error.FFmpegError:  # damaged
                continue
            for frame in frames:
                if frame.time is not None:
                    start = frame.time if start is None else start
                    if frame.time - start > seconds:
                        return
                if kind == 'audio':
                    frame.to_ndarray()
                elif shape != (shape := (frame.width, frame.height,
                                         frame.format.name)):
                    width = frame.width * float(
                        streams[0].sample_aspect_ratio or 1)
                    if width * frame.height > _PIXELS:
                        sys.exit(f'{width:.0f} x {frame.height}')
                    frame.to_ndarray(
                        format='rgb24', width=max(round(width), 1))


if __name__ == '__main__':
    set_limits(*map(float, sys.argv[3:]))
    for which in ('video', 'audio'):
        try:
            look(sys.argv[1], which, float(sys.argv[2]) + 1)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            pass  # what is no video the server says better
