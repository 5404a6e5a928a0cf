// Before the first paint: dark or light as chosen (cookie "theme"), else as the system prefers.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => document.cookie.match(/(?:^|; )theme=(dark|light)/)?.[1];
  const apply = () => {
    const dark = (chosen() ?? (system.matches ? "dark" : "light")) === "dark";
    document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
    document.dispatchEvent(new CustomEvent("theme:changed", { detail: { dark } }));
  };
  system.addEventListener("change", apply);
  document.addEventListener("theme:choose", apply);
  apply();
})();
