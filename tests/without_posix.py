"""Linux with taken away what Windows lacks: ``python -m pytest -p tests.without_posix tests/io``.

A plugin for pytest, for this process and those that it starts. The package and its tests find no
``os.fork``, ``signal.SIGKILL``, ``fcntl`` and the like; other packages keep them. Files that this
process has open or mapped are neither removed, renamed nor emptied, texts are of cp1252 and end
their lines as on Windows, and nobody may make links. It is Linux still: paths, the clock, compilers
and libraries are its own, and what another process has open is not protected.
"""

import atexit
import builtins
import contextlib
import errno
import fcntl
import io
import multiprocessing.context
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import platformdirs

OURS = ("napari_sen", "tests.")
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios"}
LACKING = {
    os: "fchdir fork getegid geteuid getgid getloadavg getpgid getuid killpg mkfifo mknod nice "
    "pread pwrite register_at_fork sched_getaffinity setpgid setsid statvfs sync sysconf uname "
    "wait O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC WNOHANG",
    signal: "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGPROF SIGSTOP SIGUSR1 ITIMER_PROF "
    "alarm pause pthread_sigmask setitimer sigwait",
}


def is_ours():
    """Return whether the package or its tests have called what calls this."""
    name = sys._getframe(2).f_globals.get("__name__", "")
    return name.startswith(OURS) and name != __name__


def take_away(module, names):
    kept = {name: module.__dict__.pop(name) for name in names if name in module.__dict__}

    def found(name):
        if name in kept and not is_ours():
            return kept[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = found


def imported(name, *rest, original=builtins.__import__, **options):
    if name in MODULES | {"msvcrt"} and is_ours():
        if name == "msvcrt":
            return types.SimpleNamespace(LK_NBLCK=2, locking=locking)
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return original(name, *rest, **options)


def locking(handle, mode, count):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


def mapped():
    lines = Path("/proc/self/maps").read_text("utf-8", "surrogateescape").splitlines()
    return {line[73:] for line in lines}


def opened():
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # another thread may close it
            yield os.readlink(f"/proc/self/fd/{handle}")


def refuse_busy(path, busy, below=""):
    """Raise PermissionError where a path, or what lies below it, is busy."""
    path = os.fsdecode(path)
    full = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if full in busy or (below and any(each.startswith(full + below) for each in busy)):
        raise PermissionError(errno.EACCES, "[WinError 32] a process has it open", path)


def kept_while_open(call):
    def wrapped(*paths, **options):
        for path in paths:
            refuse_busy(path, mapped().union(opened()), below="/")
        return call(*paths, **options)

    return wrapped


def opened_low(path, flags, *rest, original=os.open, **options):
    if os.path.isdir(path) and is_ours():
        raise PermissionError(errno.EACCES, "Permission denied", path)
    if flags & os.O_TRUNC:
        refuse_busy(path, mapped())
    return original(path, flags, *rest, **options)


def opened_text(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest,
                original=io.open, **options):  # fmt: skip
    if "b" not in mode:
        encoding = "cp1252" if encoding in (None, "locale") else encoding
        newline = "\r\n" if newline is None and mode[0] in "wax" else newline
    if mode[0] == "w" and not isinstance(file, int):
        refuse_busy(file, mapped())
    return original(file, mode, buffering, encoding, errors, newline, *rest, **options)


def synced(handle, original=os.fsync):
    if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    original(handle)


def no_link(source, target, *rest, **options):
    raise OSError(errno.EPERM, "[WinError 1314] a required privilege is not held", target)


class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        if options.get("preexec_fn") is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        if options.get("text") and options.get("encoding") is None:
            options["encoding"] = "cp1252"
        super().__init__(*arguments, **options)

    def send_signal(self, number):
        if is_ours() and number != signal.SIGTERM:
            raise ValueError(f"Unsupported signal: {number}")
        super().send_signal(number)


if "WITHOUT_POSIX" not in os.environ:  # else this is a child, and finds all of that
    home = os.environ["WITHOUT_POSIX"] = tempfile.mkdtemp(prefix="without-posix-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    Path(home, "sitecustomize.py").write_text("import tests.without_posix\n")
    paths = [home, str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "cp1252"}
for changed, lacking in LACKING.items():
    take_away(changed, lacking.split())
for each in ("replace", "rename", "unlink", "remove", "rmdir"):
    setattr(os, each, kept_while_open(getattr(os, each)))
for each in ("user_data_path", "user_config_path"):  # they hear of no XDG_DATA_HOME
    setattr(platformdirs, each, lambda *_, **__: Path(os.environ["WITHOUT_POSIX"]))
for each in ("fork", "forkserver"):
    multiprocessing.context._concrete_contexts.pop(each)
multiprocessing.set_start_method("spawn")
shutil._use_fd_functions = False  # else it removes by handles of folders
os.open, os.fsync, os.symlink, subprocess.Popen = opened_low, synced, no_link, Popen
builtins.open = io.open = opened_text
builtins.__import__ = imported
