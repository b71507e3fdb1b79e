// The pages live in a frame of the Airflow UI: they take its theme, and links to Airflow's own pages open there.
(() => {
  "use strict";
  const outer = (() => {
    try {
      return window.parent !== window && window.parent.document ? window.parent : null;
    } catch {
      return null; // framed by another site, which sees nothing of us and we nothing of it
    }
  })();
  const root = document.documentElement;

  const follow = () => {
    const dark = outer
      ? outer.document.documentElement.classList.contains("dark")
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  if (outer) {
    new MutationObserver(follow).observe(outer.document.documentElement, { attributeFilter: ["class"] });
  } else {
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
  }

  // Airflow leaves a frame as it is when its entry in the navigation is clicked again: here that leads to the list.
  if (outer) {
    const list = new URL("../", document.currentScript.src);
    const gone = new AbortController();
    window.addEventListener("pagehide", () => gone.abort());
    outer.document.addEventListener(
      "click",
      (event) => {
        const takenByRouter = event.defaultPrevented && event.target.closest('a[href$="/plugin/rtb_optimizer"]');
        if (takenByRouter) window.location.assign(list);
      },
      { signal: gone.signal },
    );
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || !outer) return;
    event.preventDefault();
    outer.history.pushState({}, "", link.getAttribute("href"));
    outer.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  });
})();
