"""Speech from text with eSpeak NG as a program library; the same text gives the same samples.

The wheel `espeakng-loader` contains the library and its voices.
"""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from mfsn.base.arrays import Int16
from mfsn.errors import CorpusError

# From espeak-ng/speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT_ON_ERROR = 0x8000
_POSITION_CHARACTER = 1
_TEXT_IS_UTF8 = 1
_TEXT_IS_SSML = 0x10
_RATE, _PITCH, _RANGE = 1, 3, 4

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def speak(ssml: str, voice: str, rate: int, pitch: int, range_: int) -> tuple[Int16, int]:
    """Speak a text.

    The library is loaded again for each text, which takes less than a millisecond. Otherwise it
    would keep state, and an utterance would depend on what was spoken before.

    Args:
        ssml: the text with SSML marks.
        voice: the name of a voice and its variant, such as `en-us+f1`.
        rate: words per minute, 80 to 450.
        pitch: 0 to 100; 50 is the normal pitch of the voice.
        range_: pitch range, 0 (monotone) to 100; 50 is the normal range of the voice.

    Returns:
        Mono samples (n,), and the sample rate in hertz.

    Raises:
        CorpusError: if eSpeak NG is not installed, lacks the voice, or refuses the text.
    """
    loader = _loader()
    parts: list[Int16] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        """Keep the samples that the library gives; 0 tells it to go on."""
        if samples and count:
            parts.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        return 0

    callback = _Callback(collect)  # the variable keeps it alive while the library may call it
    with _fresh(loader.get_library_path()) as library:
        sample_rate_hz = library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, 0, loader.get_data_path().encode(), _DONT_EXIT_ON_ERROR
        )
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath noise is random
        library.espeak_SetSynthCallback(callback)
        failed = library.espeak_SetVoiceByName(voice.encode())
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, range_)):
            failed |= library.espeak_SetParameter(parameter, value, 0)
        failed |= _synthesise(library, ssml)
    if failed or not parts:
        raise CorpusError(
            f"eSpeak NG could not speak {ssml!r} with voice {voice}; reinstall espeakng-loader"
        )
    return np.concatenate(parts), sample_rate_hz


def _synthesise(library: ctypes.CDLL, ssml: str) -> int:
    text = ctypes.create_string_buffer(ssml.encode())
    flags = _TEXT_IS_UTF8 | _TEXT_IS_SSML
    size = ctypes.c_size_t(len(text))
    failed: int = library.espeak_Synth(text, size, 0, _POSITION_CHARACTER, 0, flags, None, None)
    return failed


def _loader() -> ModuleType:
    try:
        import espeakng_loader
    except ImportError:
        raise CorpusError(
            "the demo is spoken by eSpeak NG, which is not installed; "
            'install it with `pip install "mfsn[demo]"`'
        ) from None
    loader: ModuleType = espeakng_loader
    return loader


@contextlib.contextmanager
def _fresh(path: str) -> Iterator[ctypes.CDLL]:
    library = ctypes.CDLL(path)
    try:
        yield library
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)
