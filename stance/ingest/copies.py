"""By what wire copy is known: an exact hash, and a MinHash for near copies."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stance.data import Article
from stance.ingest.splitting import WORD, kept_text

PERMUTATIONS = 64
SHINGLE_WORDS = 5
# Two texts of Jaccard similarity s share a band with probability 1 - (1 - s^4)^16: 0.64 at 0.5, 0.9998 at 0.8.
BANDS, ROWS = 16, 4


def signature(article: Article) -> tuple[str, NDArray[np.uint64]]:
    """(exact hash, MinHash) of the kept text, the same in every process and on every machine.

    The hash is SHA-256, in hex, of the text with case folded and white space collapsed. The MinHash (Broder, 1997) has
    shape (64,), over the text's word 5-shingles; a text of fewer words is one shingle.
    """
    from datasketch import MinHash

    text = " ".join(kept_text(article.text, article.drops).casefold().split())
    words = WORD.findall(text)
    shingles = {" ".join(words[i : i + SHINGLE_WORDS]) for i in range(max(len(words) - SHINGLE_WORDS + 1, 1))}
    # The scheme and seed are named, so that signatures written by one version can be compared with the next one's.
    minhash = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32")
    minhash.update_batch([shingle.encode() for shingle in shingles])
    return hashlib.sha256(text.encode()).hexdigest(), minhash.hashvalues.astype(np.uint64)


def bands(minhash: NDArray[np.uint64]) -> list[int]:
    """16 bands of 4 rows, each hashed with its place to 0 <= band < 2**63 (so that it fits a signed column).

    Articles that share a band are candidates: join on it, then compare with `similarity`.
    """
    rows = np.ascontiguousarray(minhash, dtype="<u8").reshape(BANDS, ROWS)
    digests = (hashlib.blake2b(bytes([n]) + row.tobytes(), digest_size=8).digest() for n, row in enumerate(rows))
    return [int.from_bytes(digest, "little") >> 1 for digest in digests]


def similarity(a: NDArray[np.uint64] | Sequence[int], b: NDArray[np.uint64] | Sequence[int]) -> float:
    """Jaccard similarity of two texts' shingles, in [0, 1], estimated from their MinHashes (standard error to 0.06)."""
    return float(np.mean(np.asarray(a, dtype=np.uint64) == np.asarray(b, dtype=np.uint64)))
