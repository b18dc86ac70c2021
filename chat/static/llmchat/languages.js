/** The languages whose code gets colours: what they are called, and how their files' names end. */

/** @type {Record<string, [label: string, extension: string]>} */
export const LANGUAGES = {
  bash: ["Shell", "sh"], c: ["C", "c"], clojure: ["Clojure", "clj"], cmake: ["CMake", "cmake"], cpp: ["C++", "cpp"],
  csharp: ["C#", "cs"], css: ["CSS", "css"], dart: ["Dart", "dart"], diff: ["Diff", "diff"], dockerfile: ["Dockerfile", "dockerfile"],
  erlang: ["Erlang", "erl"], go: ["Go", "go"], groovy: ["Groovy", "groovy"], haskell: ["Haskell", "hs"], html: ["HTML", "html"],
  http: ["HTTP", "http"], ini: ["INI", "ini"], java: ["Java", "java"], javascript: ["JavaScript", "js"], json: ["JSON", "json"],
  julia: ["Julia", "jl"], kotlin: ["Kotlin", "kt"], latex: ["LaTeX", "tex"], less: ["Less", "less"], lua: ["Lua", "lua"],
  matlab: ["MATLAB", "m"], mysql: ["MySQL", "sql"], nginx: ["nginx", "conf"], objectivec: ["Objective-C", "m"],
  pascal: ["Pascal", "pas"], perl: ["Perl", "pl"], php: ["PHP", "php"], postgresql: ["PostgreSQL", "sql"],
  powershell: ["PowerShell", "ps1"], protobuf: ["Protocol Buffers", "proto"], python: ["Python", "py"], r: ["R", "r"],
  ruby: ["Ruby", "rb"], rust: ["Rust", "rs"], scala: ["Scala", "scala"], scss: ["SCSS", "scss"], sql: ["SQL", "sql"],
  sqlite: ["SQLite", "sql"], swift: ["Swift", "swift"], toml: ["TOML", "toml"], typescript: ["TypeScript", "ts"],
  vb: ["Visual Basic", "vb"], xml: ["XML", "xml"], yaml: ["YAML", "yaml"],
};

/** @type {Record<string, string>} */
export const ALIASES = {
  "c#": "csharp", "c++": "cpp", cc: "cpp", console: "bash", cs: "csharp", django: "html", docker: "dockerfile", golang: "go",
  gradle: "groovy", h: "c", hpp: "cpp", hs: "haskell", java: "java", jl: "julia", js: "javascript", json5: "json", jsonc: "json",
  jsx: "javascript", kt: "kotlin", mjs: "javascript", mm: "objectivec", node: "javascript", "objective-c": "objectivec",
  octave: "matlab", patch: "diff", pgsql: "postgresql", plpgsql: "postgresql", postgres: "postgresql", properties: "ini",
  proto: "protobuf", ps1: "powershell", psql: "postgresql", py: "python", python3: "python", rb: "ruby", rs: "rust", sass: "scss",
  sh: "bash", shell: "bash", "shell-session": "bash", sqlite3: "sqlite", svg: "xml", tex: "latex", ts: "typescript",
  tsx: "typescript", vbnet: "vb", vue: "html", yml: "yaml", zsh: "bash",
};
