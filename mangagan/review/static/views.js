// The views: lists of sections, each with a name and faces (row numbers of the manifest) in the order of the grid.

const SPLITS = { train: "training set", holdout: "hold-out set", "": "not in the dataset" };
const RANKS = {
  p_usable: (faces, face) => faces.number("p_usable", face),
  p_face: (faces, face) => faces.number("p_face", face),
  size: (faces, face) => faces.size(face),
  similarity: (faces, face) => {
    const similarity = faces.number("similarity", face);
    return similarity === null ? null : Math.abs(similarity - faces.columns.min_similarity);
  },
};

// Return the sections of a view. `filters`: { view, order, show, title, search }; `changes`: answer of /api/changes.
export function makeSections(faces, decisions, filters, changes) {
  const matches = makeFilter(faces, decisions, filters);
  const shown = [];
  for (let face = 0; face < faces.count; face += 1) if (matches(face)) shown.push(face);
  switch (filters.view) {
    case "cluster": return groupByCluster(faces, shown);
    case "reason": return groupBy(shown.filter((face) => !faces.isKept(face)), (face) => faces.reason(face), largestFirst);
    case "split": return groupBy(shown, (face) => SPLITS[faces.split(face)] ?? faces.split(face), largestFirst);
    case "doubt": return rankByDoubt(faces, shown, filters.order);
    case "decisions": return groupByDecision(faces, decisions, shown);
    case "changed": return listChanges(faces, new Set(shown), changes);
    default: return groupBy(shown, (face) => faces.title(face));
  }
}

function makeFilter(faces, decisions, { show, title, search }) {
  const words = search.trim().toLowerCase();
  return (face) => {
    if (show !== "all" && faces.isKept(face) !== (show === "kept")) return false;
    if (title && faces.title(face) !== title) return false;
    if (!words) return true;
    const id = faces.id(face);
    return id.toLowerCase().includes(words) || faces.title(face).toLowerCase().includes(words)
      || (decisions.notes.get(id) ?? "").toLowerCase().includes(words);
  };
}

const largestFirst = (first, second) => second.faces.length - first.faces.length;

function groupBy(shown, name, order) {
  const groups = new Map();
  for (const face of shown) {
    const key = name(face);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(face);
  }
  const sections = [...groups].map(([key, group]) => ({ name: key, faces: group }));
  return order ? sections.sort(order) : sections;
}

// A cluster is shown whole if one of its faces matches the filter. The kept face comes first, mirror images last.
function groupByCluster(faces, shown) {
  const members = new Map();
  for (let face = 0; face < faces.count; face += 1) {
    const root = faces.root(face);
    if (root === face) continue;
    if (!members.has(root)) members.set(root, [root]);
    members.get(root).push(face);
  }
  const matching = new Set(shown.map((face) => faces.root(face)));
  const rank = (face, root) => {
    if (face === root) return -2;
    const isMirror = faces.columns.mirror_of[face] >= 0 || faces.best(face) !== root;
    return (isMirror ? 1 : 0) - (faces.number("similarity", face) ?? 0) / 2;
  };
  const sections = [...members]
    .filter(([root]) => matching.has(root))
    .map(([root, group]) => ({
      name: `${faces.title(root)}, ${faces.place(root)}`,
      faces: group.sort((first, second) => rank(first, root) - rank(second, root)),
    }));
  return sections.sort(largestFirst);
}

function rankByDoubt(faces, shown, order) {
  const rank = RANKS[order];
  const ranked = shown.map((face) => [rank(faces, face), face]).filter(([value]) => value !== null);
  ranked.sort(([first], [second]) => first - second);
  return ranked.length ? [{ name: "the most doubtful faces first", faces: ranked.map(([, face]) => face) }] : [];
}

function groupByDecision(faces, decisions, shown) {
  const pending = shown.filter((face) => decisions.outcome(faces.id(face)));
  const waiting = new Set(pending);
  const decided = shown.filter((face) => !waiting.has(face) && decisions.has(faces.id(face)));
  const sections = [
    { name: "the next dvc repro changes these", faces: pending },
    { name: "decisions that are in the manifest, or change no outcome", faces: decided },
  ];
  return sections.filter((section) => section.faces.length);
}

function listChanges(faces, shown, changes) {
  if (!changes) return [];
  const groups = [
    ["newly kept", changes.kept],
    ...Object.entries(changes.dropped).map(([reason, ids]) => [`newly dropped: ${reason}`, ids]),
    ...Object.entries(changes.split).map(([change, ids]) => [`split: ${change}`, ids]),
  ];
  return groups
    .map(([name, ids]) => ({
      name,
      faces: ids.map((id) => faces.byId.get(id)).filter((face) => face !== undefined && shown.has(face)),
    }))
    .filter((section) => section.faces.length);
}
