#!/bin/sh
# The form for annotators in a browser: makes one, answers it by keys in headless Chromium, closes and opens it again, and imports what it
# saves. A message on the console, a control without a name, a page wider than its window, an answer that is not kept, or an export that
# is not what was answered is a failure.
#
# usage: sh tests/cross/judge_chromium.sh [RLCD] [PICTURES]      (from the root; PICTURES: a folder that receives screenshots)
# Without Chromium it says so and exits 2.
set -eu
rlcd=${1:-build/rlcd} pictures=${2:-}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then echo "judge_chromium: skipped, no Chromium is installed (apt-get install chromium)" >&2; exit 2; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Twelve prompts; one pair of replies is the same, some texts are hostile.
for policy in rlcd base; do
    i=0
    while [ $i -lt 12 ]; do
        reply="reply $i <script>alert(1)</script> & \\\"x\\\" of $policy\\n\\n"
        reply="${reply}with a longer second part, so that columns have something to hold."
        [ $i = 5 ] && reply="the same reply"
        printf '{"index":%d,"prompt":"\\n\\nHuman: What about <b>%d</b>?\\n\\nAssistant:",' $i $i
        printf '"policy":"%s","reply":" %s"}\n' $policy "$reply"
        i=$((i + 1))
    done >"$work/$policy.jsonl"
done
"$rlcd" judge form "$work/rlcd.jsonl" "$work/base.jsonl" --seed 3 --out "$work/form.html" >/dev/null
if grep -E 'https?:|//[a-z]|src=|@import|url\(' "$work/form.html"; then echo "FOUND something from elsewhere"; exit 1; fi
if grep -o 'rlcd"\|"base' "$work/form.html"; then echo "FOUND a policy's name"; exit 1; fi

# Answers the form in a frame of a given width, by keys alone, and writes what is wrong and what it would save into its own body.
cat >"$work/look.html" <<'END'
<!doctype html><meta charset="utf-8"><body><script>
const width = location.hash.slice(1), found = [];
const expect = (fact, what) => { if (!fact) found.push(what); };
const frame = document.createElement("iframe");
frame.style.cssText = "border:0;height:1400px;width:" + width + "px";
const load = () => new Promise(done => { frame.onload = () => done(frame.contentDocument); frame.src = "form.html?" + Math.random(); });
const press = (page, key) =>
  page.activeElement.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const saved = page => decodeURIComponent(page.getElementById("export").href.split(",").slice(1).join(","));
const open = page => [...page.querySelectorAll("article")].filter(a => !a.hidden);
(async () => {
  document.body.append(frame);
  let page = await load();
  const root = () => page.documentElement;
  const notice = page.querySelector(".notice").textContent;
  expect(page.getElementById("work").hidden && notice.includes("stop at any time"), "the notice comes first");
  for (const c of page.querySelectorAll("input,button,a")) {
    const name = c.getAttribute("aria-label") || (c.labels && [...c.labels].map(l => l.textContent).join(" ")) || c.textContent;
    expect(name.trim(), "a control has no name: " + c.outerHTML);
    expect(c.tabIndex >= 0, "a control cannot be reached by keys: " + c.outerHTML);
  }
  expect(root().scrollWidth <= root().clientWidth, "the start is " + root().scrollWidth + " wide");
  const name = page.getElementById("name");
  name.focus();
  name.value = "Ada Byron";
  name.dispatchEvent(new frame.contentWindow.Event("input", {bubbles: true}));
  page.querySelector("#begin button").click();
  const count = page.querySelectorAll("article").length;
  expect(open(page).length === 1 && open(page)[0].contains(page.activeElement), "the first question has the focus");
  const wanted = {};
  for (let i = 0; i < count; i++) {
    const q = open(page)[0], rating = i * 3 % 8 + 1;
    const heading = q.querySelector("h2").textContent;
    expect(open(page).length === 1 && heading === `Question ${i + 1} of ${count}`, "question " + i + " is not shown");
    expect(root().scrollWidth <= root().clientWidth, "question " + i + " is " + root().scrollWidth + " wide");
    for (const l of q.querySelectorAll(".scale label"))
      expect(l.getBoundingClientRect().width >= 24, "a button of the scale is too narrow");
    press(page, "8");
    press(page, String(rating));
    const on = [...q.querySelectorAll("input")].filter(c => c.checked);
    expect(on.length === 1 && on[0] === page.activeElement && Number(on[0].value) === rating, "key " + rating + " does not answer " + i);
    wanted[q.dataset.id] = rating;
    if (i === 3) {
      press(page, "p");
      expect(open(page)[0].querySelector("h2").textContent === `Question 3 of ${count}`, "p does not go back");
      press(page, "n");
    }
    if (i < count - 1) press(page, i % 2 ? "n" : "Enter");
  }
  const before = saved(page), data = JSON.parse(before);
  expect(data.annotator === "Ada Byron" && data.ratings.length === count, "the export is not whole");
  for (const r of data.ratings) expect(wanted[r.id] === r.rating, "the export says otherwise about " + r.id);
  expect(page.getElementById("export").download === "ratings-Ada-Byron.json", "the file's name");
  expect(page.getElementById("left").textContent.startsWith("All questions"), "it does not say that all is answered");
  page = await load();
  expect(saved(page) === before, "answers are not kept over a reload");
  expect(!page.getElementById("work").hidden && open(page)[0].querySelectorAll("input:checked").length === 1, "the place is not kept");
  // With keys switched off they do nothing.
  page.getElementById("keys").checked = false;
  open(page)[0].querySelector("h2").focus();
  press(page, "1");
  expect(saved(page) === before, "keys answer though they are off");
  // Storage that holds nonsense is passed over.
  frame.contentWindow.localStorage.setItem("rlcd-judge-" + data.form, '{"annotator":7,"ratings":{"0-1":9,"1-1":"2"},"at":-1}');
  page = await load();
  expect(JSON.parse(saved(page)).ratings.length === 0 && page.getElementById("name").value === "", "nonsense in the storage is taken");
  frame.contentWindow.localStorage.clear();
  document.body.innerText = "LOOKED " + count + " questions\n" + found.map(f => "FOUND " + f).join("\n") + "\nSAVED " + before;
})().catch(e => { document.body.innerText = "FOUND " + e; });
</script></body>
END

browse() {
    "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --allow-file-access-from-files \
        --enable-logging=stderr --log-level=0 "$@" 2>"$work/log"
}

status=0
for width in 1180 390; do
    browse --virtual-time-budget=8000 --window-size=1300,2000 --dump-dom "file://$work/look.html#$width" >"$work/dom"
    said=$(sed 's/<br>/\n/g; s/<[^>]*>//g' "$work/dom" | grep -E '^(LOOKED|FOUND|SAVED)' || true)
    printf '%s wide: %s\n' "$width" "$said" | grep -v SAVED || true
    case "$said" in "LOOKED 11 questions"*) ;; *) echo "expected 11 questions"; status=1 ;; esac
    case "$said" in *FOUND*) status=1 ;; esac
    if grep -E 'CONSOLE|Uncaught' "$work/log"; then status=1; fi
done
# What the page saves is what the program reads.
printf '%s\n' "$said" | sed -n 's/^SAVED //p' >"$work/ratings.json"
"$rlcd" judge import "$work/ratings.json" --questions "$work/form-key.jsonl" | tee "$work/table"
grep -q 'judged by Ada Byron' "$work/table" || status=1

if [ -n "$pictures" ]; then
    mkdir -p "$pictures"
    # The page begins by itself where answers are kept: a frame that leaves one, then the picture.
    for scheme in 0 1; do
        for width in 1100 400; do
            cat >"$work/show.html" <<END
<!doctype html><body style="margin:0"><iframe id="f" style="border:0;width:${width}px;height:1000px" src="form.html"></iframe><script>
f.onload = () => { const p = f.contentDocument; p.getElementById("name").value = "A"; p.querySelector("#begin button").click();
  p.querySelectorAll("input[type=radio]")[5].click(); };
</script>
END
            browse --virtual-time-budget=3000 --window-size=$((width > 500 ? width : 500)),1000 \
                --blink-settings=preferredColorScheme=$scheme --screenshot="$pictures/judge-$width-$scheme.png" "file://$work/show.html"
        done
        browse --window-size=1100,700 --blink-settings=preferredColorScheme=$scheme --screenshot="$pictures/judge-start-$scheme.png" \
            "file://$work/form.html"
    done
fi
exit $status
