"""Where readers' remarks begin."""

import re
from collections.abc import Sequence

AGO = (
    r"(?:\d+|an?|one)\s*(?:s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:(?:ee)?ks?)?|mo(?:nth)?s?"
    r"|y(?:(?:ea)?rs?)?)\.?\s+ago\b"
)
COUNTED = re.compile(  # "COMMENTS (24)", "3 Comments", "2 replies on “…”"
    r"(?i:\W*(?:(?:reader |user |readers[’'] )?comments?\s*[(\[:–-]\s*\d+[)\]]?|\d+\s+(?:reader |user )?comments?"
    r"|(?:\d+|one)\s+(?:repl(?:y|ies)|responses?|thoughts?|comments?)\s+(?:on|to)\s+[“\"‘'].{1,250})\W*)"
)
FURNITURE = re.compile(
    r"(?i:\W*(?:(?:view|load|show|see)\s+(?:more|all|\d+|the)\s+(?:\d+\s+)?(?:comments?|replies)|replying to\s.{1,40}"
    r"|comments? (?:are|is|has been|have been|will be) (?:now )?(?:closed|moderated|disabled|turned off|off)\b.{0,150}"
    r"|leave a (?:reply|comment)|(?:post|add|write) (?:a|your) comment|be the first to comment"
    r"|for more information, please see our comments faq|your email address will not be published.{0,80})\W*)"
)
DATED_ENTRY = re.compile(rf"(?i:.{{1,60}}?(?:\s*[|•·–—-]\s*|\s+){AGO}\W*(?P<reply>reply\b.*)?)", re.DOTALL)
TRACE = re.compile(
    r"(?i:\W*(?:(?:reply|report|flag|like|dislike|upvote|permalink|comments?|reader comments|discussion)\b[\W\d]*){1,5}"
    r"|[\w. ’'-]{2,40} says:)"
)


def comments_start(paragraphs: Sequence[str]) -> tuple[int, list[int]]:
    """(index of the first paragraph of the comment section, indices of comment counters that open none).

    The first is `len(paragraphs)` if there is no section. An article may contain the word: a section begins with a
    dated remark and its "Reply", or with a heading after which little prose stands (an eighth of what came before), or
    none as long as a third of it between one trace of remarks and the next. "24 Comments" under a headline so opens
    nothing.
    """
    counted, furniture, sure, traces = set(), set(), set(), []
    for i, text in enumerate(paragraphs):
        if COUNTED.fullmatch(text):
            counted.add(i)
        elif len(text) < 300 and FURNITURE.fullmatch(text):
            furniture.add(i)
        elif entry := DATED_ENTRY.fullmatch(text):
            if entry["reply"]:
                sure.add(i)
        elif not (len(text) < 100 and TRACE.fullmatch(text)):
            continue
        traces.append(i)
    if not traces:
        return len(paragraphs), []
    headings = counted | furniture
    prose = [0]  # characters of prose up to each paragraph
    is_trace = set(traces)
    for i, text in enumerate(paragraphs):
        prose.append(prose[-1] + (len(text) if i not in is_trace and len(text.split()) >= 4 else 0))
    ends = [*traces, len(paragraphs)]
    gaps = [prose[end] - prose[start + 1] for start, end in zip(traces, ends[1:], strict=True)]
    widest = 0  # the widest gap from a trace on, filled from the end
    opening = len(paragraphs)
    for n in reversed(range(len(traces))):
        i = traces[n]
        widest = max(widest, gaps[n])
        before, after = prose[i], prose[-1] - prose[i + 1]
        lone = n + 1 == len(traces)
        if i and (
            i in sure
            or (i in headings and before and (8 * after <= before or (not lone and 3 * widest <= before)))
            or (i in counted and lone and 0 < 2 * after <= before)
        ):
            opening = i
    return opening, [i for i in sorted(headings) if i < opening]
