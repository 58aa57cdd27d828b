# Copyright (c) mmteso contributors. All rights reserved.
