// The search page: finds sections, and things with a number, in the index of book/_ext/search_index.py by MiniSearch.
(() => {
  const { entries, words } = SEARCH_INDEX;
  const SILENT = new Set("a an and are as at be by can do does for from how i if in into is it its of on or that the then this to was what when where which why will with".split(" "));
  const GREEK = { α: "alpha", β: "beta", γ: "gamma", δ: "delta", ε: "epsilon", ϵ: "epsilon", η: "eta", θ: "theta", κ: "kappa", λ: "lambda", μ: "mu", ν: "nu", ξ: "xi", π: "pi", ρ: "rho", σ: "sigma", τ: "tau", φ: "phi", ϕ: "phi", χ: "chi", ψ: "psi", ω: "omega" };
  const ALIKE = { ł: "l", ø: "o", "√": " sqrt ", "∞": " infinity ", "’": "'", "–": "-", ...GREEK };

  // Letters without accents, indices on the line, Greek letters by name: Łojasiewicz is lojasiewicz, λ_min lambda_min.
  const flat = (text) =>
    text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[^\x00-\x7f]/g, (c) => ALIKE[c] ?? c);
  const stem = (word) => (/[a-z]{3}s$/.test(word) && !/(ss|us|is)$/.test(word) ? word.slice(0, -1) : word);
  // Words; numbers such as 3.4; and a name in one piece beside its parts, as lambda_min.
  const tokens = (text) =>
    (flat(text).match(/\d+(?:\.\d+)*(?![a-z])|[a-z0-9_]+/g) ?? []).flatMap((word) => {
      const inside = word.includes("_") ? word.split("_").filter(Boolean) : [];
      return [word, ...inside].map(stem);
    });

  const documents = entries.map((entry, id) => ({
    id, title: entry.title, names: entry.names, code: entry.code,
    page: entry.page === entry.title ? "" : entry.page, text: entry.numbered ? "" : entry.text.join(" "),
  }));
  const index = new MiniSearch({
    fields: ["title", "names", "page", "text", "code"], tokenize: tokens, processTerm: (term) => term,
    searchOptions: {
      boost: { title: 5, names: 4, page: 1.5, text: 1, code: 0.2 },
      prefix: (term) => term.length > 2 && /^[a-z]/.test(term),
      fuzzy: (term) => (term.length > 5 ? 0.2 : false),
      weights: { prefix: 0.3, fuzzy: 0.1 },
      bm25: { k: 1.2, b: 0.3, d: 0.5 },
    },
  });
  index.addAll(documents);
  const loud = (text) => tokens(text).filter((token) => !SILENT.has(token));
  const plain = entries.map(({ title, names, text }) => [title, names, text.join(" ")].map((part) => ` ${loud(part).join(" ")} `));

  // A chapter's text before what practises it, sums it up or lists it, unless that is asked for.
  const PLACES = [
    [/\/exercises\//, /exercise|points|minutes/, 0.6],
    [/\/api\.html/, /[a-z]_[a-z]|\(\)|[a-z][A-Z]/, 0.1],
    [/\/(errata|lecture|notation|bibliography|ten_formulas|instructor|equations|index)\.html/, /erratum|errata|lecture/, 0.5],
  ];
  const TITLES = [
    [/^Exercise/, /exercise/, 0.4],
    [/^In the lecture/, /lecture|\d/, 0.5],
    [/ (Summary|Exercises|Exercise)$/, /summary|exercise/, 0.5],
    [/^(Equation|Fig|Theorem|Lemma|Corollary|Proposition|Definition)/, /\d|equation|fig|eq-|theorem|lemma|corollary|proposition|definition/, 0.25],
  ];
  const rank = (entry, query) =>
    [...PLACES.map((rule) => [entry.address, ...rule]), ...TITLES.map((rule) => [entry.title, ...rule])]
      .reduce((all, [text, here, asked, factor]) => (here.test(text) && !asked.test(query) ? all * factor : all), 1);

  // A query, and the same query in the book's own words.
  function wordings(query) {
    const typed = ` ${flat(query)} `;
    const others = Object.keys(words).filter((key) => typed.includes(` ${key} `)).map((key) => typed.replace(key, words[key]));
    const said = (text) => (loud(text).length ? loud(text) : tokens(text));
    return [typed, ...others].map(said).filter((wording) => wording.length);
  }

  function search(query) {
    const best = new Map();
    for (const wording of wordings(query)) {
      const phrase = ` ${wording.join(" ")} `;
      for (const result of index.search({ queries: wording, combineWith: "OR" })) {
        const { id, queryTerms } = result;
        const [title, names, text] = plain[id];
        const share = new Set(queryTerms).size / new Set(wording).size;
        let score = result.score * share ** 3 * rank(entries[id], query);
        if (`${title}${names}`.includes(phrase)) score *= 3;
        else if (text.includes(phrase)) score *= 1.5;
        if (!best.has(id) || best.get(id).score < score) best.set(id, { id, score, wording, share });
      }
    }
    const found = [...best.values()].sort((a, b) => b.score - a.score);
    const whole = found.filter((result) => result.share === 1);
    const seen = new Set();
    return (whole.length ? whole : found)
      .filter(({ id }) => !seen.has(entries[id].address) && seen.add(entries[id].address)).slice(0, 20);
  }

  // The sentence with most of the words, and the next ones as far as there is room.
  function excerpt(text, wording) {
    const end = /(?<=[.!?:])(?<!\b(?:Fig|cf|e\.g|i\.e)\.)\s+(?=[^a-z])/;
    const sentences = text.flatMap((block) => block.split(end)).filter(Boolean);
    const count = (sentence) => {
      const inside = new Set(tokens(sentence));
      return wording.filter((word) => inside.has(word)).length + (sentence.length > 40 ? 0.5 : 0);
    };
    const counts = sentences.map(count);
    let at = Math.max(0, counts.indexOf(Math.max(...counts)));
    let shown = sentences[at] ?? "";
    while (++at < sentences.length && shown.length + sentences[at].length < 200) shown += ` ${sentences[at]}`;
    return shown.length > 320 ? `${shown.slice(0, 320).replace(/\s\S*$/, "")} …` : shown;
  }

  // The excerpt with the words of the query marked.
  function marked(text, wording) {
    const line = document.createElement("p");
    for (const piece of text.split(/([^\s(),;:]+)/)) {
      const hit = tokens(piece).some((token) => wording.includes(token));
      line.append(hit ? Object.assign(document.createElement("mark"), { textContent: piece }) : piece);
    }
    return line;
  }

  function show(query) {
    const place = document.getElementById("search-results");
    const found = query.trim() ? search(query) : [];
    const root = document.documentElement.dataset.content_root;
    const list = document.createElement("ol");
    for (const { id, wording } of found) {
      const { address, title, page, text } = entries[id];
      const item = document.createElement("li");
      const link = Object.assign(document.createElement("a"), { href: `${root}${address}`, textContent: title });
      const from = Object.assign(document.createElement("span"), { textContent: page });
      item.append(link, ...(page === title ? [] : [from]), marked(excerpt(text, wording), wording));
      list.append(item);
    }
    const summary = document.createElement("p");
    summary.className = "search-summary";
    summary.setAttribute("role", "status");
    if (query.trim()) {
      summary.textContent = found.length
        ? `${found.length === 20 ? "The best 20" : found.length} ${found.length === 1 ? "place" : "places"} for “${query.trim()}”.`
        : `Nothing was found for “${query.trim()}”. Try another word, or the number of an equation, such as (3.4).`;
    }
    place.replaceChildren(summary, list);
  }

  const form = document.querySelector(".bd-search-container form");
  const field = form.querySelector("input");
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  show(field.value);
  field.addEventListener("input", () => show(field.value));
  form.addEventListener("submit", (event) => { event.preventDefault(); show(field.value); });
})();
