"""Chromium's accessibility tree: name, role, value and state of each control, beside what the screen shows of it."""

import math

# What a person sees of a control: its role, its words, its value, whether it is pressed or open.
SEEN = r"""(node) => {
  const words = (part) => (part?.innerText ?? part?.textContent ?? "").replace(/\s+/g, " ").trim();
  const label = (box) => words(node.closest(box).querySelector(".widget-label"));
  if (node.matches("[role=slider]")) {
    const box = node.closest(".explorer-number")?.querySelector("input");
    const value = box?.value ?? node.closest(".widget-hslider").querySelector(".widget-readout").textContent;
    return { role: "slider", name: label(".widget-hslider"), value };
  }
  if (node.matches("input[type=range]")) {
    const value = words(document.querySelector(`output[for=${node.id}]`));
    return { role: "slider", name: words(node.labels[0]), value };
  }
  if (node.matches("input[type=number]"))
    return { role: "spinbutton", name: label(".explorer-number"), value: node.value };
  if (node.matches("input")) return { role: "textbox", name: label(".widget-text"), value: node.value };
  if (node.matches("summary"))
    return { role: "DisclosureTriangle", name: words(node), expanded: node.parentElement.open };
  const seen = { role: "button", name: words(node) };
  if (node.matches(".widget-toggle-button")) seen.pressed = node.classList.contains("mod-active");
  if (node.matches(".quiz-choices button"))
    seen.pressed = getComputedStyle(node, "::before").content.includes("●");
  return seen;
}"""
CONTROLS = "[role=slider], input, button, summary"


def told(session, handle):
    """What the browser tells: the node of the accessibility tree as a flat dict."""
    asked = {"objectId": handle, "fetchRelatives": False}
    node = session.send("Accessibility.getPartialAXTree", asked)["nodes"][0]
    states = {p["name"]: p["value"].get("value") for p in node.get("properties", [])}
    return {key: node[key].get("value") for key in ("role", "name", "value") if key in node} | states


def same(kind, seen, said):
    if kind == "name":  # the words on the screen are in the name: who speaks them is understood
        return bool(seen) and seen.lower() in " ".join(str(said).split()).lower()
    if kind == "value" and is_number(seen) and is_number(said):
        return math.isclose(
            float(seen), float(said), rel_tol=1e-6
        )  # the tree keeps a slider's value in float32
    return str(said).lower() == str(seen).lower()


def is_number(text):
    try:
        return math.isfinite(float(text))
    except (TypeError, ValueError):
        return False


def differences(part):
    """Each control in this part of a page of which the tree tells something else than the screen shows."""
    part.scroll_into_view_if_needed()  # JupyterLab renders no cell that is far away
    session = part.page.context.new_cdp_session(part.page)
    session.send("Accessibility.enable")
    count = part.evaluate(
        """(part, controls) => (window.controls = [...part.querySelectorAll(controls)].filter(
            (node) => node.checkVisibility())).length""",
        CONTROLS,
    )
    found = [] if count else ["no control at all"]
    for index in range(count):
        node = {"expression": f"window.controls[{index}]"}
        said = told(session, session.send("Runtime.evaluate", node)["result"]["objectId"])
        # Chromium hands a slider's words to screen readers, but not to whom asks for its tree like this.
        said["value"] = part.page.evaluate(f"{node['expression']}.ariaValueText") or said.get("value")
        seen = part.page.evaluate(f"({SEEN})({node['expression']})")
        found += [
            f"{seen['name']}: {key} is {value!r} on the screen, {said.get(key)!r} in the tree"
            for key, value in seen.items()
            if not same(key, value, said.get(key))
        ]
    session.detach()
    return found
