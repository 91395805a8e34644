#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of an assignment.
set -euo pipefail
cd /autograder/source
apt-get update
apt-get install -y --no-install-recommends bubblewrap libseccomp2 python3-venv

# uv brings a Python that the pins support where the image's own is another.
export UV_PYTHON_INSTALL_DIR=/opt/python
python3 -m venv /opt/uv
/opt/uv/bin/pip install uv==0.13.9
/opt/uv/bin/uv venv --python-preference system --python '>=3.11,<3.14' /opt/grading
/opt/uv/bin/uv pip install --compile-bytecode --python /opt/grading/bin/python \
  --requirements requirements-grade.lock

# Where bubblewrap cannot work, submissions run as another user, who must not read the
# solutions and the seed.
chmod -R go= /autograder/source
