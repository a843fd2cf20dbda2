/**
 * Words that almost every message has. A node that calls them its skills would draw the messages of others to itself, so
 * they tell nothing of what a message needs; declared, or in a rule, they count like any other. The {@link stopWords} are
 * words that name real tools, too.
 */
const english = `
about above after again against almost alone along already also although always among another anybody anyone anything
anyway are around away back because become been before begin behind being believe below best better between both bring
but came can cannot can't case change clear close come common complete consider could create day days describe did didn't
different difference does doesn't doing don't done down during each early easy either else end english enough even ever
every everybody everyone everything example explain fact far feel few finally first fix follow following found from full
further gave give given gives going gone got great had hand happen hard has hasn't have haven't having hear hello her here
hers him his hold how however i'd i'll i'm i've important include indeed inside instead into isn't issue it's its itself
just keep kind knew know known large later lead learn least leave left let let's life like line little live long lot made
many may maybe mean means meet might mine minute moment month morning most much must myself name near need needs never
next night nobody none nor nothing now number off often okay once only other others our ours ourselves out outside over own
part people perhaps person place please point possible problem provide put question quick quickly quite rather really
reason result return right said same saw say says second see seem seen several shall she should side simple simply since
some somebody someone something sometimes soon still such summary sure take taken tell than thank thanks that that's their
theirs them themselves then there these they thing things those though thought three through till today together told
tomorrow tonight too took toward tried true try turn twice two under understand until upon usual usually using value very
via want wants was wasn't way ways week welcome well went were what what's whatever when where whether which while whole
whom whose why will wish within without won't word words world would year years yesterday yet your yours yourself
`;

const chinese = `
不是 不要 他们 但是 你们 其他 出来 因为 如何 如果 帮我 帮忙 请问 应该 已经 怎么 所以 所有 时候 时间 是否 有没有 没有 然后 现在 的话 知道 看看 给我
自己 看到 这个 这些 这样 还是 还有 那个 那些 那么 问题 需要 一些 一下 今天 明天 关于 内容 写一 告诉 回答 多少 大家 为什么 谢谢 进行 通过 非常 使用 生成
`;

export const commonWords: ReadonlySet<string> = new Set(
  `${english} ${chinese}`.split(/\s+/).filter((word) => word !== ""),
);
