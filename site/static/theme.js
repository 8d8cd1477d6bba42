// Light, dark, or as the system has it; kept where the reading pages keep it.
{
  const button = document.querySelector("[data-part=theme]");
  const next = { auto: "light", light: "dark", dark: "auto" };
  const show = () => (button.textContent = `Theme: ${document.documentElement.dataset.theme || "auto"}`);
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = next[document.documentElement.dataset.theme] ?? "light";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("theme", theme); } catch { /* lasts for this page */ }
    show();
  });
  show();
}
