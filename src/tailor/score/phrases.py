"""Words that decide whether an answer commits itself: yes and no, negations, connectors, days and months, in several languages.

All are written as `tailor.language.tokens` gives them: lower case, without apostrophes, characters of scripts without spaces apart.
"""

from __future__ import annotations

import re

YES = frozenset(
    "yes yeah yep ja jawohl sí si oui sì sim да evet igen tak kyllä joo はい 네 예 हां हाँ نعم اجل כן ναι true "
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

OR = frozenset("or oder o u ou или veya ya या او או または 或 还是 または 또는 eller vagy tai lub".split())
AND = frozenset("and und y et и ve और و ו 和 및 och og és".split())
TO = frozenset("to bis a à до until till 到 至 から between zwischen entre".split())
OR_AGAIN = re.compile(rf"(?:[.;!?\n]|^)\s*(?:{'|'.join(sorted(OR - {'o', 'u', 'a'}))})[,\s]+(?P<other>[^.;!?\n]+)", re.IGNORECASE)
"""A sentence that adds another possibility: "Lumen. Or Orvik."."""
PERHAPS = re.compile(
    r"(?<!\w)(?:maybe|perhaps|possibly|vielleicht|möglicherweise|quizás|peut-être|forse|talvez)(?!\w)", re.IGNORECASE
)
"""Said of two values, neither is meant."""
OR_OF = {"nl": frozenset({"of"}), "ja": frozenset({"か"})}
"""Words that mean "or" in one language, and something else in others."""
MAYBE = frozenset("maybe perhaps possibly even vielleicht quizás either".split())
JOINING = OR | AND | TO | MAYBE

CONTEXT = frozenset(
    "after before since until till than of per every nach vor seit als je después antes desde que après avant".split()
)
"""In front of a value: it is said of something else, such as the day after Wednesday."""

NEGATORS = (
    "not never isnt arent wasnt werent aint doesnt dont didnt cant cannot wont wouldnt shouldnt couldnt nor neither "
    "except excluding unlike "
    "nicht kein keine keinen keinem keiner nie niemals weder ausser statt nunca ni excepto salvo pas jamais sauf non "
    "mai tranne não nunca "
    "nem nu nie "
    "niet geen inte ikke ei eivät není nejsou не ليس ليست لا غير לא אינו אינה"
)
"""Words that deny what follows them."""
LIGHT = (
    "is are was were be been being it its that thats this there they he she you i we think believe say mean in on at "
    "to for by from of as "
    "exactly necessarily really actually even about called named within due allowed open held an the case true "
    "correct right have must may "
    "should would will can do does ist sind war es das der die den dem am im um an auf bei in zu so bin "
    "el la los las en a al del "
    "es son fue por le les du au dans il elle cest est sur en o os na no em à è é sono está são fica localiza se encuentra "
    "encuentran trouve situé sich befindet liegt located found who that your my our his her their w we я في من "
    "علي عن في ال в на по в о jest są je sú är er ole"
)
"""Words that may be between a denial and what it denies."""
MORE_OR_LESS = re.compile(
    r"(?:^| )(?<!no )(?<!not )(?:less|fewer|more|weniger|mehr|menos|más|moins|plus) (?:than|als|de|que)$"
    r"|(?:^| )(?:twice|half|almost|nearly)$"
)
"""In front of a number that is meant as a limit, or not quite reached."""
HEDGES = re.compile(
    r"(?:^| )(?:not sure|unsure|hard to say|it depends|depends on|who knows|(?:could|might) be (?:any|either)|any of them|"
    r"any of these|any day|either way|or something|or another|or other|or so they|impossible to tell"
    r"|cannot tell|cant tell|no idea|nobody knows|no one knows|(?:one|1) possibility|not known|nicht bekannt|"
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
DENYING_NO = re.compile(
    r"\b(?:not|isn['’]t|wasn['’]t)(?: (?:a|say|saying|quite|really|exactly|simply|just|an? answer of))? no\b(?! \w)", re.IGNORECASE
)
"""A "no" that is denied, which is not yet a yes."""
SAYING_YES = re.compile(
    r"\b(?:of course|bien sûr|claro que sí|por supuesto|that is right|not (?:false|wrong|untrue))(?! not\b)", re.IGNORECASE
)
SAYING_NO = re.compile(
    r"\b(?:not at all|(?:definitely|certainly|absolutely|unfortunately|of course|probably) not|(?:do not|don['’]t) think so"
    r"|leider nicht|(?:wahrscheinlich|vermutlich) nicht"
    r"|(?:ganz )?sicher nicht|pas du tout|"
    r"(?:not|isn['’]t|wasn['’]t|cannot|can['’]t)"
    r"(?: (?:a|say|saying|quite|really|exactly|simply|just|an? answer of))? [\"'“‘]?yes[\"'”’]?"
    r"|(?:nicht|kein|pas|no es(?: un)?|non è(?: un)?|не) (?:ja|oui|sí|sì|да)|"
    r"claro que no|not (?:true|correct|right)|it is not|it isn['’]t|no way|das ist nicht so)(?=\s*(?:[.!,;]|$))",
    re.IGNORECASE,
)
"""Yes and no in several words."""
ALL_BUT = re.compile(r"\b(any\w+|every\w+|all|(?:any|every) \w+) but\b(?! not)", re.IGNORECASE)
"""Says what is left out, where "but" does not begin a clause."""
FUNCTION_WORDS = frozenset(
    {
        *LIGHT.split(),
        *NEGATORS.split(),
        *JOINING,
        *CONTEXT,
        *"with if when while then than only just max maximum minimum total".split(),
    }
)
"""Words behind a number that are not what it counts."""
ALTERNATIVES = re.compile(
    r"\s*(?:[,;:?？，、]|\b(?:or|oder|ou|или|veya|eller|vagy)\b|(?<=\s)(?:o|u|of)(?=\s)|还是|或者|或|または|それとも)\s*",
    re.IGNORECASE,
)
"""Between what a question offers to choose from."""
_RELATIVES = (
    "brother sister son daughter father mother parents husband wife spouse partner friend cousin uncle aunt nephew niece "
    "grandson granddaughter grandfather grandmother widow widower assistant deputy secretary boss supervisor colleague neighbour "
    "neighbor lawyer agent spokesman spokeswoman spokesperson successor predecessor rival opponent "
    "bruder schwester sohn tochter vater mutter ehemann ehefrau freund freundin assistent assistentin nachfolger nachfolgerin "
    "hermano hermana hijo hija padre madre marido esposo esposa amigo amiga primo prima tío tía ayudante sucesor sucesora "
    "frère sœur soeur fils fille père mère mari femme ami amie cousine oncle tante adjoint successeur "
    "fratello sorella figlio figlia moglie irmão irmã filho filha pai mãe"
)
_RELATIVE = "|".join(_RELATIVES.split())
OF_WHOM_IN_FRONT = re.compile(
    rf"^(?!(?:.* )?(?:he|she|they|i|we|er|sie|elle|il|ella|él) (?:is|was|are|were|ist|war|est|es|era|fue) ).*?(?:^| )({_RELATIVE})"
    " (?:of|to|von|de|d|du|des|di|da|do|van)$"
)
OF_WHOM_BEHIND = re.compile(rf"^s (?:\w+ )?({_RELATIVE})(?: |$)")
"""Next to a value: it is someone else who is named by it, such as "Ana's brother"."""
_QUESTION = re.compile(r"[^.!?。？؟;\n]*[?？؟](?!\w)")
_TAG_QUESTION = re.compile(r",\s*(?:right|isn['’]t it|no|nicht wahr|n['’]est-ce pas|verdad)\s*\?", re.IGNORECASE)


def without_questions(text: str) -> str:
    """The text without what it asks, which affirms nothing; a tag question ("isn't it?") leaves what comes before it."""
    if not any(mark in text for mark in "?？؟"):
        return text
    return _QUESTION.sub(" ", _TAG_QUESTION.sub(".", text))
