"""What was saved before opens and is used again: studies, answers, and the fingerprints that key them."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from flow import tailor
from systems import examples_today, systems_today

from tailor.data.split import load_splits
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.saved import load_study

STUDIES = Path(__file__).parent / "stores" / "studies"
NAMES = ("desk", "rooms", "tuned")

SYSTEMS = {
    "label zero-shot": "6b82a68b5a762988ff55797afee79e2812660cf3a5118283d789054236ef89ec",
    "label generated": "8ebb8797618063a1923b769f7f06efe41b6e6bd19c2a20170ff66103df0b3a4a",
    "label persona and constraints": "9c50b79a25e9efc3dc2a31d0a61d2176ee15e4cb2032e997960cc049580f7c8c",
    "label few-shot-nearest": "e8d064bcd45c4015572b45d1522d3cec2286098be998007388b4c8cd25a31e6a",
    "label steps": "49356b19c90644a84a5f43fb1d81a2e3833bc70778289b30cb2fef79b65c00e8",
    "label retrieved": "3862884013f8f614753f8720d65603a6d810237609c6127a4754778d998d147e",
    "answer zero-shot": "0961bffb77f91ce79b8a214af6a6802d33eba953c61ed355d67898d6ffbefdc1",
    "answer few-shot": "ee024a192ddcc8cf6583321499aaaca7322f1a941fc68873cdff734725dbe078",
    "answer whole documents": "c59408964d8da62fe2f5db60e34dc5998938e466b2a166fb337fff1e0a49e55d",
    "answer retrieved, with examples": "cc73eb4b84755801055b821bd592180ad344285512ca605d643ab8a458116023",
    "answer held to a pattern": "be8384169c6f9108a6a68fb566a6c6ed3bffb97f175bf33c7f798a8144e1b90b",
    "answer held to a schema": "b9d2475c385cadc34a32857c0d2931a4c389e8f6d35ba61974cb7e496dfc34cd",
    "label zero-shot, tuned": "c6583e6c856f407dff4c4d8ebc3b5ae7be38b556c8cd1c8d028963b66b2c7220",
    "answer retrieved, with examples, tuned": "d51112b4166499ffd3eeb188ccb7cba057ee48988277af12b2f0cb5dde0518e9",
}
EXAMPLES = {
    "desk row 1": "eba655225cfab1e7ef41e984d7c279e516fd7743c3b3c96c1c11fcf5583d1251",
    "desk row 2": "e4d25867638b808d68648e9dc50a96662d0be9bf594f1c60f8d19de6e12df314",
    "desk row 6": "b3822f35d9052f2027abf01cd3fdf6afb826602b45b7c3516f2ac148a90a2461",
    "desk row 30": "867537b02d77bf99deff9c164f9e697d861746f0f81db7a7919e814232031b0a",
    "desk row 41": "25b241dbec2d2a002104c04f7b2bfb2485c33b17be96fbc9ad378251c33b57fd",
    "desk row 60": "c8e980ee03b9f59f1ac4a4e1193f7f3d8b63550383164db37aa65b979a911328",
    "rooms row 1": "5e4868378c2ed768252b29293e2ed367ad3d3c0fb9af9963c2a8efd41beef628",
    "rooms row 2": "a6fcc1ea75f93bd5e7850a81c62c820c5787d13bf792170799f6581e3da03225",
    "rooms row 6": "64f927983dfaf630069b820d910794680dc9faae7454caa50bef3eba5bb404db",
    "rooms row 30": "0818d621ee25480b9a06b09d7ffe7c486ae2ca81a888430bb6d673526920d42e",
    "rooms row 41": "fb1832c9b691769abce43895b3d8894961cdd5b94d35df00d63c209194bec528",
    "rooms row 60": "61f0b2e17d05a4f7a2bd75cee4ae9a2dcc5c43a7145744bbfcfa200bc54eb517",
    "desk row 1, as it is asked": "05fe1aa90411a1ee2c2daa15e58d619866211242be309bf4f0bdd6d697f9a5a6",
    "desk row 2, as it is asked": "9af03d1cf07f59cbcbfb08a9c3c8db71dcfe1cc7bb6f63de68f3aafee7457297",
    "desk row 6, as it is asked": "dd2f99518f5dbb900ca81558a9a782a610953a260e38616d16460ba66e2f0ef9",
    "desk row 30, as it is asked": "0da0a31a4f0c6a0a4932ce6abcbccf3dab77a81e9dd303320104cc92b3f03788",
    "desk row 41, as it is asked": "78efd63cce215d06473299746c8703743409b1149a14d59870bb7f26b6ba984d",
    "desk row 60, as it is asked": "08e180040b3a0cfdb37187bdb2311e5c3b9b035cd09b08647f9ac8b52f20694f",
    "rooms row 1, as it is asked": "bc5b66a0f7972cedf7bf2a3f01d7e5b74c07a4b5d0de434bcc2ab682ee92b218",
    "rooms row 2, as it is asked": "4ee9833c1370ecd23fdb94eb4b32ec38a185b326467c04aa9718affc1f10f363",
    "rooms row 6, as it is asked": "089ca64d43c515ef23218abdf237941dcf59ce7ba52740aab9ac01369c056e3b",
    "rooms row 30, as it is asked": "6ec23a74e6f5b3f895d531dbc19423a749abfc59f1456c3f4b259429eeb79cc5",
    "rooms row 41, as it is asked": "1055baa2e906e917064290fd090d80212fe0185999189dafca7d698041d84576",
    "rooms row 60, as it is asked": "e4f858b7f39e724463ba91a15520700c0c488d9baef89d1c884ed6c39de9fc3e",
    "desk splits": "a1e87f7666953b3f227b29160c431883ed379ca9766c5252974317a69c05c861",
    "rooms splits": "1e411d7c45542a0b65eb0d93b48e18112a770ad108f352eaf716ab46346263e3",
}


@pytest.fixture(params=NAMES)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project whose study was saved by an earlier Tailor."""
    folder = tmp_path / str(request.param)
    shutil.copytree(STUDIES / folder.name, folder)
    (folder / ".tailor").mkdir(mode=0o700)
    (folder / ".tailor" / "ledger.db").write_bytes(gzip.decompress((folder / "ledger.db.gz").read_bytes()))
    (folder / "ledger.db.gz").unlink()
    return folder


def test_systems_keep_their_fingerprints(tmp_path: Path) -> None:
    assert systems_today(tmp_path) == SYSTEMS


def test_examples_keep_their_fingerprints_and_the_keys_of_their_answers(tmp_path: Path) -> None:
    assert examples_today(tmp_path) == EXAMPLES


def test_a_study_saved_before_is_shown(saved: Path) -> None:
    result = tailor("show", saved, "--json")
    assert result.exit_code == 0, result.output
    shown, study = json.loads(result.output), load_study(saved)
    assert study.decision is not None and shown["decision"]["chosen"] == study.decision.chosen
    assert [finalist["fingerprint"] for finalist in shown["finalists"]] == [f.fingerprint for f in study.decision.finalists]
    assert {run.system.name: run.system.fingerprint for run in study.tests} == {
        finalist["name"]: finalist["fingerprint"] for finalist in shown["finalists"]
    }
    assert study.decision.headline[:40] in tailor("show", saved).output


def test_a_study_saved_before_is_reported(saved: Path) -> None:
    result = tailor("report", saved)
    assert result.exit_code == 0, result.output
    page = (saved / "report.html").read_text(encoding="utf-8")
    assert all(finalist.system.name in page.replace("&gt;", ">") for finalist in load_study(saved).tests)


def test_data_read_anew_find_the_answers_saved_before(saved: Path) -> None:
    study, splits = load_study(saved), load_splits(load_project(saved))
    assert splits.fingerprint == study.splits.fingerprint
    rows = {example.id: example for part in (splits.train, splits.dev, splits.test) for example in part}
    runs = [*study.tests, *(step.run for step in study.steps if step.run is not None)]
    with Ledger(saved / ".tailor", shared=True) as ledger:
        for run in runs:
            if not run.system.decoding.prior:  # a prior is taken off what was saved without it
                keys = {rows[example.id].answer_key: "" for example in run.examples}
                assert len(ledger.answers(run.system.fingerprint, list(keys))) == len(keys), run.system.name
    assert len(runs) > 5
