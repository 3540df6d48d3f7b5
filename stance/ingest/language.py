"""Which language a text is in, by py3langid (Lui and Baldwin, langid.py, ACL 2012)."""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LETTER = re.compile(r"[^\W\d_]")
MIN_LETTERS = 20  # a shorter text has the benefit of the doubt
# None of the 8,000 English sentences of the stance curriculum is taken for another language above 0.88.
MIN_PROBABILITY = 0.9
SAMPLE_CHARS = 1500
NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay",
    "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def foreign_language(text: str, languages: frozenset[str]) -> str:
    """The language (name or ISO 639 code) of a text that is surely in none of `languages` (ISO 639-1); else empty."""
    sample = text[:SAMPLE_CHARS]
    if len(LETTER.findall(sample)) < MIN_LETTERS:
        return ""
    code, probability = _identifier().classify(sample)
    if code in languages or probability < MIN_PROBABILITY:
        return ""
    return NAMES.get(code, str(code))


def names(languages: frozenset[str]) -> str:
    """`English`, or `English, French`: for messages."""
    return ", ".join(sorted(NAMES.get(code, code) for code in languages))
