# Copyright (c) mmteso contributors. All rights reserved.
"""Sphinx settings; `make docs` builds the pages."""
import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))  # the checkout, whatever is installed

import mmteso.apis  # noqa: E402  before mmseg.models, see mmteso.ops
from sphinx.util.logging import getLogger  # noqa: E402

project = 'mmteso'
author = 'mmteso contributors'
project_copyright = author
release = version = mmteso.__version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_static_path = ['_static']
html_css_files = ['wide.css']
html_title = f'mmteso {release}'

# links to headings, as on GitHub
myst_heading_anchors = 3
myst_enable_extensions = ['substitution']
myst_substitutions = dict(clip_forms=mmteso.apis.CLIP_FORMS)
# of files outside of docs/; relative to docs/_build/html by default
REPOSITORY_URL = os.environ.get('REPOSITORY_URL', '../../..').rstrip('/')
myst_url_schemes = dict(
    http=None,
    https=None,
    repository=REPOSITORY_URL + '/{{path}}#{{fragment}}')

autodoc_default_options = {
    'members': True, 'member-order': 'bysource',
    'special-members': '__call__'
}
autodoc_inherit_docstrings = False  # torch's and mmdet's are written otherwise
autodoc_typehints_format = 'short'
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# `](../tools/train.py)`: a file of the repository
_FILE = re.compile(r'\]\((\.\./[^)#\s]*)')


def link_repository(app, docname: str, source: list) -> None:
    """Make links to files outside of docs/ links to the repository."""
    folder = Path(app.env.doc2path(docname)).parent

    def url(match: re.Match) -> str:
        file = (folder / match[1]).resolve()
        if not file.exists():
            getLogger('mmteso').warning(
                'no file %s', match[1], location=docname)
        return f'](repository:{file.relative_to(ROOT).as_posix()}'

    source[0] = _FILE.sub(url, source[0])


def link_name(app, env, node, contnode):
    """Find `DynamicMask`, a name of ours without its module."""
    if node.get('refdomain') != 'py':
        return None
    domain = env.get_domain('py')
    target = node['reftarget']
    found = sorted(
        (name for name in domain.objects if name.endswith(f'.{target}')),
        key=len)
    if not found:
        return None
    return domain.resolve_xref(env, node['refdoc'], app.builder,
                               node['reftype'], found[0], node, contnode)


def setup(app) -> None:
    """What Sphinx calls."""
    app.connect('source-read', link_repository)
    app.connect('missing-reference', link_name)
