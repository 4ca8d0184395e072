"""Words that decide whether an answer commits itself: yes and no, negations, connectors, days and months, in several languages.

All are written as `tailor.language.tokens` gives them: lower case, without apostrophes, characters of scripts without spaces apart.
"""

from __future__ import annotations

import re

YES = frozenset(
    "yes yeah yep ja jawohl sí si oui sì sim да evet igen tak kyllä joo はい 네 예 हां हाँ نعم أجل כן ναι true "
    "correct absolutely indeed natürlich certo конечно ใช่ 是 对 可".split()
)
NO = frozenset(
    "no nope nein non não nee nej нет hayir nem nie ei いいえ 아니요 아니오 नहीं لا ولا كلا לא όχι false never 아닙니다 ไม่ "
    "否 不 非".split()
)
POLAR_FILLERS = frozenset(
    "and or but maybe perhaps definitely certainly probably of course sorry wait i meant mean rather actually "
    "eigentlich doch the answer is it sir please "
    "thanks both well "
    "either neither also sometimes und oder vielleicht die antwort ist y o quizás claro la respuesta es et "
    "ou 或 还 的 是 和 者 也 许".split()
)

_SETS = """
monday tuesday,tue,tues wednesday thursday,thu,thurs friday,fri saturday sunday
montag dienstag mittwoch donnerstag freitag samstag,sonnabend sonntag
lunes martes miércoles jueves viernes sábado domingo
lundi mardi mercredi jeudi vendredi samedi dimanche
lunedì martedì mercoledì giovedì venerdì sabato domenica
понедельник вторник среда,среду четверг пятница,пятницу суббота,субботу воскресенье
सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार
اثنين,الاثنين ثلاثاء,الثلاثاء اربعاء,الاربعاء خميس,الخميس جمعة,الجمعة سبت,السبت احد,الاحد
pazartesi sali çarşamba perşembe cuma cumartesi pazar
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
월요일 화요일 수요일 목요일 금요일 토요일 일요일
星_期_1 星_期_2 星_期_3 星_期_4 星_期_5 星_期_6 星_期_日,星_期_天
周_1 周_2 周_3 周_4 周_5 周_6 周_日
月_曜 火_曜 水_曜 木_曜 金_曜 土_曜 日_曜
january,jan february,feb march april,apr may june,jun july,jul august,aug september,sept october,oct november,nov december,dec
januar februar märz april mai juni juli august september oktober november dezember
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
i ii iii iv v vi vii viii ix x
"""
SETS = tuple(
    tuple(frozenset(name.replace("_", " ") for name in names.split(",")) for names in line.split())
    for line in _SETS.strip().splitlines()
)
"""Closed sets of values, each value with its spellings: one more of a set than was asked for is another answer."""
ONE_WORD = frozenset(name for members in SETS for names in members for name in names if " " not in name)
MORE_WORDS = tuple(name for members in SETS for names in members for name in names if " " in name)
"""The names in them."""

OR = frozenset("or oder o u ou или veya ya या او أو או または 或 还是 または 또는 eller vagy tai lub".split())
AND = frozenset("and und y et и ve और و ו 和 및 och og és".split())
TO = frozenset("to bis a à до until till 到 至 から between zwischen entre".split())
OR_OF = {"nl": frozenset({"of"}), "ja": frozenset({"か"})}
"""Words that mean "or" in one language, and something else in others."""
MAYBE = frozenset("maybe perhaps possibly even vielleicht quizás either".split())
JOINING = OR | AND | TO | MAYBE

CONTEXT = frozenset(
    "after before since until till than of per every nach vor seit als je después antes desde que après avant".split()
)
"""In front of a value: it is said of something else, such as the day after Wednesday."""

_NEGATORS = (
    "not never isnt arent wasnt werent aint doesnt dont didnt cant cannot wont wouldnt shouldnt couldnt nor neither "
    "except excluding unlike "
    "nicht kein keine keinen keinem keiner nie niemals weder außer statt nunca ni excepto salvo pas jamais sauf non "
    "mai tranne não nunca "
    "nem nu nie "
    "niet geen inte ikke ei eivät не ليس ليست لا غير לא אינו אינה"
)
NOT = frozenset("not isnt arent wasnt werent doesnt dont didnt cant cannot nicht kein keine pas non não niet inte не nie".split())
"""Words that deny a sentence."""
_PHRASES = (
    "no longer|nowhere near|no en|no a|no se|no con|anything but|"
    "other than|rather than|instead of|far from|doubt|wrong|false|incorrect|not true|there is no|does not mean|"
    "en lugar de|en vez de|no es|no son|no está|no hay|no fue|no era|au lieu de|nest pas|ce nest pas|anstatt|statt"
)
_LIGHT = (
    "is are was were be been being it its that thats this there they he she you i we think believe say mean in on at "
    "to for by from of as "
    "exactly necessarily really actually even about called named within due allowed open held an the case true "
    "correct right have must may "
    "should would will can do does ist sind war es das der die den dem am im um an auf bei in zu so bin el la los las "
    "en a al del "
    "es son fue por le les du au dans il elle cest est sur en o os na no em à è é sono está são fica localiza se encuentra "
    "encuentran trouve situé sich befindet liegt located found who that your my our his her their w we я في من "
    "على عن في ال в на по в о"
)
_DOES_NOT = "(?:does|do|did|can|could|will|would|may|must) not|doesnt|dont|didnt|cannot|cant|couldnt|wont|wouldnt"
_UNSPACED_BEFORE = "不是|并非|并不是|不为|不在|不于|不会是|而不是|而非|除了|没有|不"
_UNSPACED_AFTER = "(?:并)?不(?:是|对|正确)|是错|ではな|ではあ|じゃな|でな|ไม่ใช่|以外"

BEFORE = re.compile(
    rf"(?:(?:^| )(?:{'|'.join(sorted({*_NEGATORS.split(), *_PHRASES.split('|')}, key=len, reverse=True))})"
    rf"(?: (?:{'|'.join(sorted(set(_LIGHT.split()), key=len, reverse=True))}|[a-z]+ed)){{0,4}}"
    rf"|(?:{_UNSPACED_BEFORE}|ไม่ใช่|ไม่ได้|ไม่)(?:在|于|是|วัน|อยู่|ที่){{0,2}}"
    rf"|(?:^| )(?:{_DOES_NOT}) (?!be\b|exceed|only\b)\w+(?: (?:{'|'.join(_LIGHT.split())})){{0,4}})$"
)
"""Fits what stands in front of a value that is denied."""
AFTER = re.compile(
    r"^(?: ?(?:is|are|was|were|be|would be) (?:not|wrong|false|incorrect|untrue|never)\b| (?:isnt|arent|wasnt|werent)\b"
    r"| (?:ist|sind|war|wäre) (?:es |das )?(?:nicht|falsch)\b| (?:nicht|niet|inte)$| no (?:es|son|era)\b"
    r"| (?:ce )?nest pas\b| (?:does|do) not (?:apply|fit|match|belong|suit)\b"
    rf"| ?(?:さん|氏)?(?:{_UNSPACED_AFTER})| \S{{0,2}} ?(?:아니|아닙|아닌|아냐|않|없)| (?:\S+ ){{0,2}}(?:नहीं|değil\w*)(?: |$))"
)
"""Fits what stands behind a value that is denied."""
DOES_NOT = re.compile(rf"^ ?(?:\w+ )?(?:{_DOES_NOT}) (\w+)(?: (it|this|that|so)$)?|^ (?:no|ne|n|لا) (\w+)|^不(\w\w?)")
"""Behind a value: it does not do what the next word says, or does not do "it"."""
NO_MORE = re.compile(
    r"(?:^| )(?:used to be|used to be \w+|formerly|previously|until recently|no longer|früher|nicht mehr|nest plus|ya no es)"
    r"(?: (?:in|on|at|called|named))?$|(?:以前|过去|曾经)是?$"
)
"""In front of a value that held once."""
PAST = frozenset("was were did had used formerly previously once former originally earlier before old previous".split())
"""Words of questions that ask for what held once."""
MORE_OR_LESS = re.compile(
    r"(?:^| )(?<!no )(?<!not )(?:less|fewer|more|weniger|mehr|menos|más|moins|plus) (?:than|als|de|que)$"
    r"|(?:^| )(?:twice|half|almost|nearly)$"
)
"""In front of a number that is meant as a limit, or not quite reached."""
HEDGES = re.compile(
    r"(?:^| )(?:not sure|unsure|hard to say|it depends|depends on|who knows|(?:could|might) be (?:any|either)|any of them|"
    r"any of these|any day|either way|or something|or another|or other|or so they|impossible to tell"
    r"|cannot tell|cant tell|no idea|nobody knows|no one knows|one possibility|not known|nicht bekannt|"
    r"kommt darauf an|nicht sicher|keine ahnung|depende|no estoy segur[oa]|ça dépend|je ne sais pas)(?: |$)"
    r"|不确定|不知道|看情况|わかりません|わからない"
)
"""Says that nothing is said."""
CLAUSES = re.compile(
    r"(?:[;!?。！？；，、,\n।؟،]|\.(?=\s|$)|:(?=\s)|：|\s[–—-]\s|\((?=\w)"
    r"|\b(?:but|sondern|aber|sino|pero|mais|ma|mas|но|लेकिन|बल्कि|ولكن|بل)\b|而是|但是|但)+\s*",
    re.IGNORECASE,
)
"""Between the parts of an answer that each affirm or deny."""
ONLY = re.compile(
    r"\b(?:(?:no ?one|nobody|none|nothing|nowhere)(?: else)?|no \w+|(?:not|cannot|can['’]t|isn['’]t)(?: \w+){0,2} any\w+)"
    r" (?:but|except(?: for)?|other than)\b",
    re.IGNORECASE,
)
"""A denial of all others."""
SURE = re.compile(r"\b(?:without (?:a |any )?|no |beyond (?:a |any )?)doubt,?", re.IGNORECASE)
"""A doubt that is denied."""
SAYING_YES = re.compile(
    r"\b(?:of course|bien sûr|claro que sí|por supuesto|that is right|not (?:false|wrong|untrue))(?! not\b)", re.IGNORECASE
)
SAYING_NO = re.compile(
    r"\b(?:not at all|(?:definitely|certainly|absolutely|unfortunately|of course) not|leider nicht"
    r"|(?:ganz )?sicher nicht|pas du tout|"
    r"claro que no|not (?:true|correct|right)|it is not|it isn['’]t|no way|das ist nicht so)(?=\s*(?:[.!,;]|$))",
    re.IGNORECASE,
)
"""Yes and no in several words."""
ALL_BUT = re.compile(r"\b(any\w+|every\w+|all|(?:any|every) \w+) but\b(?! not)", re.IGNORECASE)
"""Says what is left out, where "but" does not begin a clause."""
FUNCTION_WORDS = frozenset(
    {
        *_LIGHT.split(),
        *_NEGATORS.split(),
        *JOINING,
        *CONTEXT,
        *"with if when while then than only just max maximum minimum total".split(),
    }
)
"""Words behind a number that are not what it counts."""
_QUESTION = re.compile(r"[^.!?。？؟;\n]*[?？؟](?!\w)")
_TAG_QUESTION = re.compile(r",\s*(?:right|isn['’]t it|no|nicht wahr|n['’]est-ce pas|verdad)\s*\?", re.IGNORECASE)


def without_questions(text: str) -> str:
    """The text without what it asks, which affirms nothing; a tag question ("isn't it?") leaves what stands in front of it."""
    if not any(mark in text for mark in "?？؟"):
        return text
    return _QUESTION.sub(" ", _TAG_QUESTION.sub(".", text))
