# Copyright (c) mmteso contributors. All rights reserved.
"""Tables and figures about models; only ``tools/`` imports it."""
