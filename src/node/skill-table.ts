/** A skill that a machine has when any of these programs is on its PATH. */
export interface SkillEntry {
  readonly skill: string;
  readonly anyOf: readonly string[];
}

/**
 * The skills that are found by themselves; everything else is declared with `--tags`. Names are those that people say
 * and type, and no everyday words such as "make": messages are searched for them. To add one, add a line.
 */
export const skillTable: readonly SkillEntry[] = [
  // languages
  { skill: "python", anyOf: ["python3", "python"] },
  { skill: "nodejs", anyOf: ["node", "nodejs"] },
  { skill: "bun", anyOf: ["bun"] },
  { skill: "deno", anyOf: ["deno"] },
  { skill: "golang", anyOf: ["go"] },
  { skill: "rust", anyOf: ["cargo", "rustc"] },
  { skill: "java", anyOf: ["javac", "java"] },
  { skill: "dotnet", anyOf: ["dotnet"] },
  { skill: "ruby", anyOf: ["ruby"] },
  { skill: "php", anyOf: ["php"] },
  { skill: "swift", anyOf: ["swift"] },
  { skill: "elixir", anyOf: ["elixir"] },
  { skill: "haskell", anyOf: ["ghc", "stack", "cabal"] },
  { skill: "zig", anyOf: ["zig"] },
  { skill: "flutter", anyOf: ["flutter"] },
  { skill: "r-lang", anyOf: ["Rscript"] },
  { skill: "cpp", anyOf: ["g++", "clang++", "cl"] },
  // building
  { skill: "xcode", anyOf: ["xcodebuild"] },
  { skill: "android", anyOf: ["sdkmanager", "adb"] },
  { skill: "cmake", anyOf: ["cmake"] },
  { skill: "gradle", anyOf: ["gradle"] },
  { skill: "maven", anyOf: ["mvn"] },
  { skill: "bazel", anyOf: ["bazel", "bazelisk"] },
  { skill: "latex", anyOf: ["pdflatex", "xelatex", "tectonic"] },
  // containers and machines
  { skill: "docker", anyOf: ["docker"] },
  { skill: "podman", anyOf: ["podman"] },
  { skill: "kubernetes", anyOf: ["kubectl", "k3s", "microk8s"] },
  { skill: "helm", anyOf: ["helm"] },
  { skill: "qemu", anyOf: ["qemu-system-x86_64", "qemu-system-aarch64"] },
  { skill: "terraform", anyOf: ["terraform", "tofu"] },
  { skill: "ansible", anyOf: ["ansible-playbook"] },
  // clouds
  { skill: "aws", anyOf: ["aws"] },
  { skill: "gcloud", anyOf: ["gcloud"] },
  { skill: "azure", anyOf: ["az"] },
  // source and collaboration
  { skill: "git", anyOf: ["git"] },
  { skill: "github", anyOf: ["gh"] },
  { skill: "ssh", anyOf: ["ssh"] },
  // data
  { skill: "sqlite", anyOf: ["sqlite3"] },
  { skill: "postgresql", anyOf: ["psql"] },
  { skill: "mysql", anyOf: ["mysql", "mariadb"] },
  { skill: "redis", anyOf: ["redis-cli"] },
  // media and documents
  { skill: "ffmpeg", anyOf: ["ffmpeg"] },
  { skill: "imagemagick", anyOf: ["magick", "identify"] },
  { skill: "blender", anyOf: ["blender"] },
  { skill: "pandoc", anyOf: ["pandoc"] },
  { skill: "libreoffice", anyOf: ["soffice", "libreoffice"] },
  { skill: "chrome", anyOf: ["google-chrome", "chromium", "chromium-browser", "chrome"] },
  // machine learning
  { skill: "cuda", anyOf: ["nvcc"] },
  { skill: "ollama", anyOf: ["ollama"] },
];
