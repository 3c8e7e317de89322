#!/bin/sh
# Pages in a browser: a report of made-up matrices (tests/matrix.sh) and the page of the theory, opened in headless Chromium, wide and as
# on a phone.
# A message on the console, a drawing without a size, a text that leaves its drawing or lies on another one, or a page that is wider
# than its window is a failure.
#
# usage: sh tests/cross/report_chromium.sh [RLCD] [PICTURES]      (from the root; PICTURES: a folder that receives screenshots)
# Exits 2 when there is no Chromium.
set -eu
rlcd=${1:-build/rlcd} pictures=${2:-}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then echo "report_chromium: no Chromium is installed (apt-get install chromium)" >&2; exit 2; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Three seeds in a demo's folder, with sweeps over the knobs and retrained models.
demo=$work/demo
mkdir -p "$demo/harmless" "$demo/retrain"
for seed in 1 2 3; do sh tests/matrix.sh "$demo/harmless/seed-$seed" "$seed" 256 25; done
"$rlcd" world predict --n 1000 --sweep delta=0.25,0.5,1,1.5,2 --sweep leak=0,0.3,0.6,1 --out "$demo/predict.jsonl" --quiet >/dev/null
for at in delta:0.25:0.62 delta:0.5:0.7 delta:1:0.77 delta:1.5:0.78 delta:2:0.8 leak:0:0.79 leak:0.3:0.77 leak:0.6:0.74 leak:1:0.68; do
    for method in base:-0.3 rlcd:0 rlaif-novice:-0.2; do
        echo "$at:$method" | awk -F: '{ o = $3 + $5; printf "{\"task\":\"harmless\",\"%s\":%s,\"method\":\"%s\",\"oracle\":%.3f," \
            "\"low\":%.3f,\"high\":%.3f}\n", $1, $2, $4, o, o - 0.03, o + 0.03 }'
    done
done >"$demo/retrain/points.jsonl"
"$rlcd" report "$demo" --out "$work/many.html" >/dev/null
"$rlcd" report "$demo/harmless/seed-1" --out "$work/one.html" >/dev/null
"$rlcd" theory --pairs 100000 --cell-pairs 10000 --out "$work" --quiet >/dev/null

# Looks at a page in a frame of a given width and writes what is wrong with it into its own body.
cat >"$work/look.html" <<'EOF'
<!doctype html><meta charset="utf-8"><body><script>
const [name, width] = location.hash.slice(1).split(",");
const frame = document.createElement("iframe");
frame.style.cssText = "border:0;height:3000px;width:" + width + "px";
frame.src = name;
frame.onload = () => {
  const page = frame.contentDocument, found = [];
  for (const d of page.querySelectorAll("details")) d.open = true;
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push("the page is " + root.scrollWidth + " wide");
  const drawings = page.querySelectorAll("svg");
  for (const svg of drawings) {
    const title = svg.querySelector("title").textContent, box = svg.getBoundingClientRect();
    if (box.width < 100 || box.height < 60) found.push(title + ": has no size");
    if (!svg.querySelector(".mark, .line")) found.push(title + ": nothing is drawn");
    const texts = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
    for (let i = 0; i < texts.length; i++) {
      const [a, p] = texts[i];
      const beside = p.left < box.left - 14 || p.right > box.right + 14, above = p.top < box.top - 4 || p.bottom > box.bottom + 4;
      if (beside || above) found.push(title + ": '" + a + "' leaves it");
      for (let j = 0; j < i; j++) {
        const [b, q] = texts[j];
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 1 && down > 0.35 * Math.min(p.height, q.height)) found.push(title + ": '" + a + "' lies on '" + b + "'");
      }
    }
  }
  document.body.innerText = "LOOKED " + drawings.length + " drawings\n" + found.map(f => "FOUND " + f).join("\n");
};
document.body.append(frame);
</script></body>
EOF

# browse ARGUMENTS: one call of the browser with an empty profile.
browse() {
    "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --allow-file-access-from-files \
        --enable-logging=stderr --log-level=0 "$@" 2>"$work/log"
}

status=0
for page in many one theory; do
    for width in 1180 390; do
        browse --virtual-time-budget=5000 --window-size=1300,3000 --dump-dom "file://$work/look.html#$page.html,$width" >"$work/dom"
        said=$(sed 's/<br>/\n/g; s/<[^>]*>//g' "$work/dom" | grep -E '^(LOOKED|FOUND)' || true)
        drawn=$(grep -c '<svg ' "$work/$page.html")
        printf '%s, %s wide: %s\n' "$page" "$width" "$said"
        case "$said" in "LOOKED $drawn drawings"*) ;; *) echo "expected $drawn drawings"; status=1 ;; esac
        case "$said" in *FOUND*) status=1 ;; esac
        if grep -E 'CONSOLE|Uncaught' "$work/log"; then status=1; fi
    done
    for scheme in 0 1; do
        [ -n "$pictures" ] || continue
        mkdir -p "$pictures"
        browse --window-size=1180,6000 --blink-settings=preferredColorScheme=$scheme --screenshot="$pictures/$page-$scheme.png" \
            "file://$work/$page.html"
    done
    # As on a phone: a window cannot be as narrow, a frame can.
    if [ -n "$pictures" ]; then
        printf '<!doctype html><body style="margin:0"><iframe style="border:0;width:390px;height:16000px" src="%s.html">' "$page" \
            >"$work/phone.html"
        browse --window-size=500,16000 --screenshot="$pictures/$page-phone.png" "file://$work/phone.html"
    fi
done
exit $status
