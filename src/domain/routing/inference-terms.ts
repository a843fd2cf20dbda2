/** Terms that tell what a message needs, beside the words of the mesh itself. Lower case; see term-matcher.ts. */
export const builtInTerms: readonly {
  readonly need: "gpu" | `os=${string}`;
  readonly terms: readonly string[];
}[] = [
  {
    need: "gpu",
    terms: [
      ...["gpu", "gpus", "cuda", "cudnn", "nvidia", "nvidia-smi", "vram", "tensorrt", "deepspeed", "vllm"],
      ...["train a model", "train the model", "train my model", "train our model", "train this model"],
      ...["train models", "training a model", "training the model", "model training", "training run"],
      ...["train a neural network", "train a network", "train a classifier", "train a transformer"],
      ...["fine-tune", "fine-tuned", "fine-tuning", "finetune", "finetuned", "finetuning"],
      ...["lora", "qlora", "stable diffusion", "comfyui"],
      ...["显卡", "显存", "训练", "微调", "炼丹", "英伟达"],
    ],
  },
  {
    need: "os=darwin",
    terms: [
      ...["xcode", "xcodebuild", "xcrun", "testflight", "swiftui", "uikit", "appkit", "cocoapods"],
      ...["macos", "mac os", "os x", "mac app", "app store connect", "applescript", "imessage"],
      ...["ios app", "ios apps", "ios build", "ios simulator", "iphone app", "ipad app"],
      ...["ios应用", "ios 应用", "ios开发", "ios 开发", "iphone应用", "mac应用"],
      ...["苹果", "苹果电脑", "苹果系统", "苹果应用"],
    ],
  },
  {
    need: "os=windows",
    terms: [
      ...["powershell", "winget", "msbuild", "regedit", "win32", "windows server", "windows registry"],
      ...["windows 10", "windows 11", "windows app", "windows machine", "windows pc", "windows installer"],
      ...["on windows", "for windows", "windows系统", "windows 系统", "windows电脑", "微软系统"],
    ],
  },
  {
    need: "os=linux",
    terms: ["linux", "ubuntu", "debian", "systemd", "systemctl", "journalctl", "apt-get", "乌班图"],
  },
];

/**
 * Words of everyday language that also happen to be tools, skills or tags. A message that says "make me a plan" does
 * not need `make`. They still work where they are declared.
 */
export const stopWords: ReadonlySet<string> = new Set([
  ...["all", "and", "any", "app", "apps", "ask", "bash", "big", "bot", "box", "build", "call", "cat", "chat"],
  ...["check", "client", "code", "copy", "cut", "data", "date", "default", "desktop", "dev", "diff", "edit"],
  ...[
    "env",
    "exec",
    "expect",
    "fast",
    "file",
    "files",
    "find",
    "for",
    "fun",
    "general",
    "get",
    "good",
    "group",
  ],
  ...["head", "help", "home", "host", "idea", "info", "install", "join", "kill", "laptop", "last", "less"],
  ...[
    "list",
    "local",
    "look",
    "mail",
    "main",
    "make",
    "man",
    "message",
    "misc",
    "model",
    "more",
    "move",
    "new",
  ],
  ...["node", "nodes", "not", "note", "notes", "office", "old", "one", "open", "paste", "plan", "play"],
  ...["primary", "print", "prod", "production", "read", "ready", "remote", "run", "save", "screen", "script"],
  ...[
    "search",
    "send",
    "server",
    "servers",
    "set",
    "shared",
    "shell",
    "show",
    "site",
    "skill",
    "slow",
    "small",
  ],
  ...["sort", "split", "staging", "start", "stop", "system", "tail", "talk", "task", "team", "test", "text"],
  ...[
    "the",
    "think",
    "this",
    "time",
    "tool",
    "tools",
    "top",
    "tree",
    "update",
    "use",
    "user",
    "wait",
    "wall",
  ],
  ...["watch", "web", "who", "with", "work", "worker", "workers", "write", "yes", "you"],
  ...[
    "默认",
    "工作",
    "公司",
    "家里",
    "办公",
    "测试",
    "任务",
    "服务",
    "系统",
    "可以",
    "我们",
    "什么",
    "一个",
    "文件",
  ],
]);

/** Tools that nodes find on their machines, under the names that they give them: no text names one by accident. */
export const toolNames: ReadonlySet<string> = new Set([
  ...["python", "nodejs", "bun", "deno", "golang", "rust", "java", "dotnet", "ruby"],
  ...["php", "swift", "elixir", "haskell", "zig", "flutter", "r-lang", "cpp", "xcode"],
  ...["android", "cmake", "gradle", "maven", "bazel", "latex", "docker", "podman", "kubernetes"],
  ...["helm", "qemu", "terraform", "ansible", "aws", "gcloud", "azure", "git", "github"],
  ...["ssh", "sqlite", "postgresql", "mysql", "redis", "ffmpeg", "imagemagick", "blender", "pandoc"],
  ...["libreoffice", "chrome", "cuda", "ollama"],
]);

/** Shortest term of the mesh's own words that is looked for. Shorter ones hit by accident. */
export const minTermLength = 3;
export const minUnspacedTermLength = 2;
