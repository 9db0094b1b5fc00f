"""Every test runs without network and away from the home folder."""

import os
import tempfile

# Set before any library is imported: nothing may be written outside the test's own folder.
_HOME = tempfile.mkdtemp(prefix="caretune-home-")
os.environ.update(
    HOME=_HOME,
    HF_HOME=f"{_HOME}/hf",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    IPYTHONDIR=f"{_HOME}/ipython",
    JUPYTER_CONFIG_DIR=f"{_HOME}/jupyter",
    MPLCONFIGDIR=f"{_HOME}/matplotlib",
    DVC_GLOBAL_CONFIG_DIR=f"{_HOME}/dvc",
    DVC_SITE_CACHE_DIR=f"{_HOME}/dvc-site",
    DVC_NO_ANALYTICS="1",
    BENTOML_DO_NOT_TRACK="True",
    BENTOML_HOME=f"{_HOME}/bentoml",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",  # tiny models: a second thread costs ten times what it gives
)

pytest_plugins = ["tests.fixtures.filters", "tests.fixtures.corpus", "tests.fixtures.models"]
