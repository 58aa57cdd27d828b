# Copyright (c) mmteso contributors. All rights reserved.
from .demo_report import (draw_conditions, format_table, make_report,
                          references, write_report)

__all__ = [
    'draw_conditions', 'format_table', 'make_report', 'references',
    'write_report'
]
