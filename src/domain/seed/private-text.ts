import { redactText } from "../../protocol/redact-text.ts";

/** Characters of one line that are looked at for names of secrets; secrets by their shape are found anywhere. */
const maxLineLength = 4_096;

/** Secrets that are known by how they begin or are put together; {@link redactText} knows more. */
const shapes: readonly RegExp[] = [
  // Long words of many kinds of letters, as keys are that have no mark of their own; no paths.
  /(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])(?![\w+/=-]*[/-][a-z]+[/-])[\w+/=]{32,}(?![\w+/=-])/,
  // Bots of Telegram and of Discord, hooks that anybody may call who knows their address.
  /\b\d{6,12}:[\w-]{30,}/,
  /\b[\w-]{23,30}\.[\w-]{6,7}\.[\w-]{27,}/,
  /\bhooks\.slack\.com\/[a-z]{3,12}\/\w|\bdiscord(?:app)?\.com\/api\/webhooks\/\d|\bwebhook\.office\.com\/\w/i,
  // What providers and hosts put before their keys.
  /\b(?:GOCSPX-|ya29\.|SG\.[\w-]{6}|AIza|tvly-|nvapi-|pplx-|jina_|r8_|fw_|xapp-|lin_api_|sntrys_|glsa_|figd_|ntn_|sbp_|pypi-|rubygems_|dckr_pat_|dop_v1_|doo_v1_|shp(?:at|ca|pa|ss)_|whsec_|hvs\.|ATATT3|EAACEdEose|AGE-SECRET-KEY-|PMAK-|phc_|ops_ey|key-[0-9a-f]{8})[\w.-]{4,}/,
  /\b(?:A[KS]IA|ABIA|ACCA)[0-9A-Z]{12,}|\b(?:SK|AC)[0-9a-f]{32}\b/,
  // Values in the query of an address.
  /[?&](?:\w{0,24}(?:key|token|auth|sig|signature|secret|passw\w{0,4})|pwd|code)=[^\s&#<*]{4,}/i,
];

/** As words, and as parts of a variable's name. */
const named = [
  "pass(?:word|wd|phrase|code|key)s?|pwd|pass|pin(?: ?code)?|secret(?:[ _-]?(?:access[ _-]?)?key)?s?|tokens?",
  "(?:api|access|private|secret|signing|encryption|licen[cs]e|recovery|account|master|app|auth|product)[ _-]?keys?|[a-z0-9]+_keys?",
  "credentials?|(?:recovery|backup|security|verification|door|gate|alarm)[ _-]?codes?|otp|totp|2fa|cvv|cvc|mnemonic|seed[ _-]?phrase|bearer",
].join("|");
const namedChinese =
  "密码|密碼|口令|密钥|密鑰|秘钥|金钥|金鑰|令牌|权杖|凭证|憑證|凭据|私钥|私鑰|助记词|助記詞|验证码|驗證碼|授权码|授權碼|暗号|门禁码";
const name = `(?:(?<![a-z])(?:[a-z0-9]{1,24}[_-]){0,4}(?:${named})(?![a-z])|${namedChinese})`;

/** A name, what may stand round it, `:` or `=` or a table's bar, and what follows. */
const assigned = new RegExp(
  `${name}[\\s"'\`*_)\\]}]{0,6}(?:[:=：＝|]|->|→|=>)[\\s"'\`*_([{|>]{0,8}([^\\s"'\`*|,;，；。)]{1,128})`,
  "giu",
);
/** `the password is …`; with words behind it that are no secret more often than with `:`. */
const told = new RegExp(
  `${name}[\\s"'\`*_]{0,4}(?:(?<=\\s)(?:is|was|are)\\s|是|为|為|就是)["'\`*_\\s]{0,4}([^\\s"'\`*|,;，；。)]{1,128})`,
  "giu",
);
const mention = new RegExp(name, "iu");
/** A word that could be a key, on a line that names one. */
const keyLike = /(?<![\w/.-])(?=[\w+=-]{0,64}\d)(?=[\w+=-]{0,64}[A-Za-z])[\w+=-]{12,}/;
const endsWithName = new RegExp(`${name}[\\s"'\`*_)\\]]{0,6}[:：]?[\\s*_]{0,4}$`, "iu");

/** What stands in the place of a value and is none. */
const noValue =
  /^(?:[\W_]*|<.*|\$.*|…|x{3,}|none|null|nil|undefined|n\/a|true|false|yes|no|not|never|always|only|see|ask|in|on|at|by|to|for|from|with|under|stored|kept|saved|safe|set|unset|required|optional|needed|missing|empty|unknown|known|wrong|valid|invalid|expired|changed|the|a|an|my|your|our|their|its|it|this|that|what|something|anything|nothing|used|sent|shared|private|secret|hidden|redacted|string|number|here|there|and|or|如|见|在|无|没有|空|存放.*|保存.*|不.*|什么.*|必[须要填].*|可选|私.*)$/iu;

/**
 * Whether anything in a text looks like a secret: by its shape, or by what stands before it, in English and Chinese. Finds
 * known shapes alone; linear in the text.
 */
export function holdsSecret(text: string): boolean {
  if (redactText(text) !== text || shapes.some((shape) => shape.test(text)) || holdsCard(text)) return true;
  const lines = text.split(/\r?\n/).map((line) => line.slice(0, maxLineLength));
  const filled = lines.filter((line) => line.trim() !== "");
  return filled.some((line, at) => lineHoldsSecret(line, filled[at + 1] ?? "")) || tableHoldsSecret(lines);
}

function lineHoldsSecret(line: string, next: string): boolean {
  if (!mention.test(line)) return false;
  const values = [...line.matchAll(assigned), ...line.matchAll(told)].map(([, value]) => value);
  if (values.some(isValue) || keyLike.test(line)) return true;
  // A heading or a label, and its value alone on the next line.
  const word = /^[\s>*`"'-]{0,8}([^\s`"'*]{4,128})[\s`"'*]{0,4}$/u.exec(next)?.[1];
  return endsWithName.test(line) && /\p{L}|\d/u.test(word ?? "") && isValue(word);
}

/** Columns of a table under the name of a secret. */
function tableHoldsSecret(lines: readonly string[]): boolean {
  let columns: readonly number[] = [];
  for (const [at, line] of lines.entries()) {
    if (!line.includes("|")) columns = [];
    else if (/^[\s|:-]*$/.test(line)) continue;
    else if (/^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "")) {
      columns = cellsOf(line).flatMap((cell, column) => (mention.test(cell) ? [column] : []));
    } else if (columns.some((column) => isValue(cellsOf(line)[column]))) return true;
  }
  return false;
}

function cellsOf(line: string): readonly string[] {
  return line.split("|").map((cell) => cell.replace(/^[\s`*_"']+|[\s`*_"']+$/g, ""));
}

function isValue(value: string | undefined): boolean {
  return value !== undefined && !noValue.test(value);
}

/** Numbers of bank cards, by the digit that checks the others. */
function holdsCard(text: string): boolean {
  const groups = text.matchAll(/(?<![\d.-])\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}(?![\d.-])/g);
  return [...groups].some(([number]) => {
    const digits = number.replace(/\D/g, "");
    const sum = [...digits].reduce((all, digit, at) => {
      const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
      return all + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
    return sum % 10 === 0;
  });
}
