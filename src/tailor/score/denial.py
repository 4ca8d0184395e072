"""Whether a clause denies a value in it: "not Paris", "Ana did not sign it", "no vive en Madrid", "Ankara'da yaşamıyor".

A denial is next to the value, or it is a verb's: a word in front of the verb (English, Spanish, Arabic), or the verb's ending
(Turkish, Japanese, Korean). The value is then what the verb acts on ("She does not live in Paris"), or who does not do what the
question asks about ("Ana did not sign it"). Where the question denies something itself, a denied verb says nothing of the value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from os.path import commonprefix

from tailor.score.phrases import LIGHT, NEGATORS

_PHRASES = (
    "no longer|nowhere near|least of all|no en|no a|no se|no con|anything but|"
    "other than|rather than|instead of|far from|doubt|wrong|false|incorrect|untrue|unlikely|not true|there is no|does not mean|"
    "no evidence|no reason to think|no sign|nic nie|to nie|"
    "en lugar de|en vez de|no es|no son|no está|no hay|no fue|no era|au lieu de|anstatt|statt"
)
_DOES_NOT = "(?:does|do|did|can|could|will|would|may|must) not|doesnt|dont|didnt|cannot|cant|couldnt|wont|wouldnt"
_UNSPACED_BEFORE = "不是|并非|并不是|不为|不在|不于|不会是|而不是|而非|除了|没有|不"
_UNSPACED_AFTER = "(?:并)?不(?:是|对|正确)|是错|ではな|ではあ|じゃな|でな|ไม่ใช่|以外"
_LIGHT_WORD = "|".join(sorted({*LIGHT.split(), "von", "vom", "zum", "zur"}, key=len, reverse=True))
_NEXT_IN_FRONT = re.compile(
    rf"(?:(?:^| )(?:{'|'.join(sorted({*NEGATORS.split(), *_PHRASES.split('|')}, key=len, reverse=True))})"
    rf"(?: (?:{_LIGHT_WORD}|[a-z]+ed)){{0,4}}"
    rf"|(?:{_UNSPACED_BEFORE}|ไม่ใช่|ไม่ได้|ไม่)(?:在|于|是|วัน|อยู่|ที่){{0,2}}"
    rf"|(?:^| )(?:{_DOES_NOT}) (?!be\b|exceed|only\b)\w+(?: (?:{_LIGHT_WORD})){{0,4}})$"
)
_NEXT_BEHIND = re.compile(
    r"^(?: ?(?:is|are|was|were|be|would be) (?:not|wrong|false|incorrect|untrue|never)\b| (?:isnt|arent|wasnt|werent)\b"
    r"| (?:ist|sind|war|wäre) (?:es |das )?(?:nicht|falsch)\b| (?:nicht|niet|inte)$| no (?:es|son|era)\b"
    r"| (?:is|are|was|were|has been|have been|can be) (?:ruled out|excluded|out of the question)\b"
    r"| (?:ce )?n ?est pas\b| (?:does|do) not (?:apply|fit|match|belong|suit)\b"
    rf"| ?(?:さん|氏)?(?:{_UNSPACED_AFTER})"
    r"| \S{0,2} ?(?:아니|아닙|아닌|아냐|않|(?<!틀림)없)| (?:\S+ ){0,2}(?:नहीं|değil\w*)(?: |$))"
)
_NOT_BEYOND = re.compile(
    r"(?:^| )(?:exce(?:ed|d)|dépass|excèd|excéd|super|überschr|überst|oltrepass|ultrapass|превыш)\w*(?: (?:pas|nicht|niet|inte))?"
    rf"(?: (?:{_LIGHT_WORD})){{0,2}}$|不(?:超过|到|足)$"
)
"""A limit that is kept: "does not exceed 30 days" says 30 days."""

_NOT_OF = {
    code: frozenset(words.split())
    for code, words in {
        "en": "not never isnt arent wasnt werent hasnt havent hadnt doesnt dont didnt cant cannot couldnt wont wouldnt shouldnt",
        "de": "nicht nie niemals",
        "nl": "niet nooit",
        "sv": "inte aldrig",
        "da": "ikke aldrig",
        "nb": "ikke aldri",
        "es": "no nunca jamás tampoco",
        "pt": "não nunca",
        "it": "non mai",
        "ro": "nu",
        "fr": "ne n pas jamais",
        "ru": "не никогда",
        "uk": "не ніколи",
        "pl": "nie nigdy",
        "fi": "ei en et emme ette eivät",
        "hu": "nem sem",
        "ar": "لا لم لن ليس ليست",
        "he": "לא אין אינו אינה",
        "hi": "नहीं नही मत",
    }.items()
}
"""Words in front of a verb, or behind it, that deny it."""
NOT = frozenset(
    "not isnt arent wasnt werent doesnt dont didnt cant cannot nicht kein keine pas non não niet inte ikke не nie nem 不 没 未 "
    "非 ไม่".split()
)
"""Words that deny a sentence in whatever language."""
_FORBIDS = re.compile(
    r"(?:^| )(?:forb|prohib|ban(?:ned|s)? |prevent|refus|reject|oppos|protest|against|without|lack|exempt|exclu|prohíb|contra |sin "
    r"|verb[io][et]|gegen |ohne |interdi|contre |sans |vietat|contro |senza |proib|sem |запре|против |без |غير |بدون |ممنوع|ضد)"
    r"|禁 ?止|反 ?对|反 ?対"
)
"""What a question says that asks for something denied, without a word such as "not"."""
_VERB_FIRST = frozenset("de nl sv da nb hi".split())
"""Languages whose negation comes after the verb, or behind all that it acts on."""
_HELPERS = frozenset(
    "has have had been being ever also yet he she they er sie man ze hij zij он она они elle elles ils lui lei ella ellas "
    "ele ela hän ő ona on ha han había sido estado estuvo fueron eran será puede pueden le les nos me te lo la se por con "
    "desde foi foram tem têm estava pelo pela com hanno stato stata stati si gli da dal dalla nel nella a ont été fut était "
    "étaient y s l d peut peuvent par chez avec sous hat haben hatte wurde wird worden durch был была было были по к у от "
    "со jest był była było się we z ze od przez تم قد كان كانت يكن عند الي قبل את על של ידי ने को में से पर का के की".split()
)
"""Auxiliaries, pronouns and prepositions of any language, in addition to the light words."""
_NO_VERB = (
    "only|just|merely|until|before|more|less|fewer|later|earlier|sooner|unless|without|limited|exceed|over|under|far|long|if|when|"
    "once|than|because|solo|sólo|solamente|únicamente|más|menos|antes|después|hasta|excede|exceda|supera|supere|apenas|só|mais|até|"
    "solamente|più|meno|prima|dopo|oltre|plus|moins|avant|après|seulement|que|только|более|менее|больше|меньше|раньше|позднее|позже|"
    "tylko|więcej|mniej|później|wcześniej|vain|csak|اكثر|اقل|فقط|قبل|بعد|יותר|פחות|רק"
)
"""What a denial makes a limit of, or "only"."""
_PREPOSITIONS = "in|at|by|to|from|on|of|for|with|as|under|near|into"
_ENDINGS = {
    "tr": re.compile(r"(?:^| )(?!namaz)\w{2,}(?:m[ae](?:di|miş|yacak|yecek|z|makta|mekte)|m[iuü]yor)\w{0,5}$"),
    "ja": re.compile(r"(?:ませ?ん|(?<!少)(?<!危)ない|なかった|ず)(?:です|でした|でしょう|よ|ね)?$"),
    "ko": re.compile(r"지(?:는|도|를)? ?(?:않|못)|(?:^| )(?:안|못) |(?<!틀림)(?<!틀림이 )없"),
}
_AFFIRMED = re.compile("しか|なければ|なくては|なくちゃ|に違い|間違い|だけで|밖에|않으면 안|뿐만|뿐 아니라")
"""Endings that deny a denial, or all others."""
_ZH_ACTS = re.compile(
    r"(?:不|没有?|未|并非)(?![到少超仅但只过同得足多及低高大小满管论久料断错])(?:会|能|可以|再|曾)?\w{1,2}[在于到给为是]?$"
)
_ZH_WHO = re.compile(r"^[并还也从]?(?:不|没有?|未)(?:会|能|可以|再|曾)?(\w\w?)")
_TH_ACTS = re.compile(r"(?:ไม่ได้|ไม่)\S{0,12}(?:ที่|ใน|กับ|โดย)$")
_PRONOUNS = frozenset("it this that so them es das lo la".split())
_FINAL = str.maketrans("ךםןףץ", "כמנפצ")
_IRREGULAR = {
    word: forms[0]
    for forms in (
        line.split()
        for line in (
            "write wrote written,go went gone,give gave given,take took taken,make made,buy bought,sell sold,build built,pay paid,"
            "send sent,lead led,run ran,win won,speak spoke spoken,break broke broken,choose chose chosen,find found,hold held,"
            "keep kept,leave left,lose lost,meet met,teach taught,bring brought,begin began begun,draw drew drawn,"
            "drive drove driven,"
            "know knew known,see saw seen,sing sang sung,steal stole stolen,wear wore worn,fly flew flown,tell told,say said,"
            "catch caught,think thought,eat ate eaten,fall fell fallen,grow grew grown,ride rode ridden,rise rose risen,"
            "shoot shot,sleep slept,spend spent,stand stood,swim swam swum,throw threw thrown,wake woke woken"
        ).split(",")
    )
    for word in forms
}


_NO_MORE = re.compile(
    r"(?:^| )(?:(?:(?<!is )(?<!are )(?<!be )(?<!was )used to|no longer|früher|nicht mehr|"
    r"niet meer|inte längre|ya no|já não|больше не|już nie|n ?est plus)(?: \w+)?"
    rf"|(?:ne|n) \w+ plus|non \w+ più|formerly|previously|until recently)"
    rf"(?: (?:{_LIGHT_WORD}|called|named))*$|(?:以前|过去|曾经)是?$"
)
"""In front of a value that held once."""
_PAST = frozenset(
    "was were did had used formerly previously once former originally earlier before old previous "
    "war waren hatte früher ehemals damals bis fue era antes était avait avant".split()
)
"""Words of questions that ask for what held once."""


def held_once(before: str, question: Collection[str]) -> bool:
    """Whether the words in front of a value say that it held once, where the question asks what holds now."""
    if not _NO_MORE.search(before):
        return False
    return _PAST.isdisjoint(question) and not any(word.startswith(("ehemalig", "früher")) for word in question)


_OPEN = frozenset(
    "open opens opened opening offen geöffnet öffnet abierto abierta abiertos abre abren ouvert ouverte ouvre ouvrent "
    "aperto aperta apre aberto aberta".split()
)
_CLOSED = frozenset(
    "closed close closes shut shuts geschlossen schliesst cerrado cerrada cerrados cierra cierran fermé fermée ferme "
    "ferment chiuso chiusa chiude fechado fechada fecha gesloten".split()
)
_ALLOWED = frozenset(
    "allowed permitted may can allow allows permit erlaubt darf dürfen gestattet permitido permitida permite puede pueden permis "
    "permise autorisé peut peuvent permesso permessa può possono autorizado pode podem mag mogen toegestaan".split()
)
_FORBIDDEN = frozenset(
    "forbidden prohibited banned forbid prohibit ban verboten untersagt prohibido prohibida prohíbe interdit interdite vietato "
    "vietata proibido proibida".split()
)
_OPPOSITES = ((_OPEN, _CLOSED), (_CLOSED, _OPEN), (_ALLOWED, _FORBIDDEN), (_FORBIDDEN, _ALLOWED))
CONTRARY = _OPEN | _CLOSED | _ALLOWED - frozenset("may can puede pueden peut peuvent può possono pode podem".split()) | _FORBIDDEN
"""Words that each have an opposite among them."""
_UNTIL = frozenset("until till bis hasta jusqu fino até tot from ab desde dès dalle das".split())


def is_opposite(clause: Collection[str], question: Collection[str]) -> bool:
    """Whether a clause says when something is open where the question asks when it is closed, or what is allowed and forbidden.

    What it affirms is then denied, and what it denies affirmed: "open every day except Monday" says that it is closed on Monday.
    """
    said, asked = {*clause}, {*question}
    if said & _UNTIL or asked & NOT:
        return False
    return any(asked & one and not asked & other and said & other and not said & one for one, other in _OPPOSITES)


def is_denied(before: str, after: str) -> bool:
    """Whether what is next to a value denies it.

    Args:
        before: the words in front of it in its clause.
        after: those behind it.
    """
    if _NOT_BEYOND.search(before):
        return False
    return bool(_NEXT_IN_FRONT.search(before) or _NEXT_BEHIND.search(f" {after}") or _NEXT_BEHIND.search(after))


def denies(words: Sequence[str], language: str) -> bool:
    """Whether a sentence, such as a question, denies something."""
    text = " ".join(words)
    if language in _ENDINGS:
        return bool(_ENDINGS[language].search(_joined(text)))
    return not NOT.union(_NOT_OF.get(language, ())).isdisjoint(words)


def is_verb_denied(before: str, after: str, question: Sequence[str], language: str) -> bool:
    """Whether a verb is denied that the value belongs to, as what it acts on or as who does it.

    Args:
        before: the words in front of the value in its clause; characters of scripts without spaces together.
        after: those behind it.
        question: the words of the question.
        language: that of the question.
    """
    forbids = _FORBIDS.search(" ".join(question)) and not _FORBIDS.search(f" {before} {after}")
    if forbids or denies(question, language) or _NOT_BEYOND.search(before):
        return False
    if language in _ENDINGS:
        return bool(_ENDINGS[language].search(after)) and not _AFFIRMED.search(after) and "が" not in after[1:]
    if language == "zh":
        who = _ZH_WHO.match(after)
        return bool(_ZH_ACTS.search(before)) or bool(who and who[1] in "".join(question))
    if language == "th":
        return bool(_TH_ACTS.search(before))
    acts = _acts_on(language or "en")
    return bool(acts and acts.search(before)) or _does_not(after.split(), frozenset(question), language or "en")


@lru_cache
def _acts_on(language: str) -> re.Pattern[str] | None:
    """Fits a denied verb in front of a value; in English with a preposition, where "not" comes before much else."""
    if language not in _NOT_OF or language in _VERB_FIRST:
        return None
    light = "|".join(sorted({*LIGHT.split(), *_HELPERS}, key=len, reverse=True))
    verb = rf"(?!(?:{_NO_VERB})(?: |$))[^\W\d]\w*" + (rf" (?:{_PREPOSITIONS})" if language == "en" else "")
    return re.compile(rf"(?:^| )(?:{'|'.join(_NOT_OF[language])})(?: (?:{light})){{0,3}} {verb}(?: (?:{light})){{0,4}}$")


def _does_not(after: Sequence[str], question: frozenset[str], language: str) -> bool:
    """Whether the words behind a value say that it does not do what the question asks about."""
    light, nots = _HELPERS | _LIGHT_WORDS, _NOT_OF.get(language, frozenset())
    asked = False
    for place, word in enumerate(after[:6]):
        if word in nots:
            behind = [word for word in after[place + 1 :] if word not in nots]
            while len(behind) > 1 and behind[0] in light:
                behind = behind[1:]
            if not behind:
                return place < 2 or asked
            return language == "hi" or _is_asked(behind[0], question) or (len(behind) == 2 and behind[1] in _PRONOUNS)
        asked = asked or _is_asked(word, question)
        if place and word not in light and not _is_asked(word, question):
            return False
    return False


_LIGHT_WORDS = frozenset(LIGHT.split())


def _is_asked(word: str, question: frozenset[str]) -> bool:
    """Whether a word of the question is the same, perhaps in another form."""
    stem = _stem(word)
    return any(_alike(stem, _stem(other)) for other in question if other not in _LIGHT_WORDS)


def _stem(word: str) -> str:
    word = _IRREGULAR.get(word, word).translate(_FINAL)
    return word.lstrip("يتنا") if "\u0620" <= word[0] <= "\u06ff" and len(word) > 3 else word


def _alike(word: str, other: str) -> bool:
    """Whether two words begin alike, as forms of one verb do."""
    shared = len(commonprefix([word, other]))
    return shared >= 4 or shared >= 3 and shared >= min(len(word), len(other)) - 1


def _joined(text: str) -> str:
    return text if " " not in text else re.sub("(?<=[\u3040-\u9fff]) (?=[\u3040-\u9fff])", "", text)
