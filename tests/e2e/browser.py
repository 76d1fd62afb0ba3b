"""The real browser of the tests: Debian's chromium without a window, or the reason why it is not here."""

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENT = 60_000  # milliseconds; a slow machine is no failure


def launched(driver):
    """Start chromium under playwright's driver; skip where there is none or it does not start."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root chromium has no sandbox of its own
    try:
        return driver.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=3 * PATIENT)
    except Exception as error:  # the driver's own class is not here where it is not installed
        pytest.skip(f"chromium does not start here: {str(error).splitlines()[0][:200]}")
