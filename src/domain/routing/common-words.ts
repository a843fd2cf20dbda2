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

/** What people ask for every day. */
const errands = `
account action add address agenda amount analysis analyze answer answers application appointment article attach attached
attachment author bill blog book bug bugs business buy calendar call chapter chart cheap city client code comment comments
company compare contact content contract convert correct cost country customer customers database date deadline deliver
department design detail details develop document documents draft email emails employee error errors event events excel
expert feature features feedback figure file form format friend function german google graph guide header history holiday
hotel image images information input introduction invoice invoices item items job language letter letters link linkedin
login manager market marketing meeting meetings menu method money movie music news newsletter offer order orders output
overview page pages paragraph password payment phone photo photos picture pictures plans poem post posts prepare
presentation price prices product products profile project projects proposal purchase questions quote recipe recommend
release remind reminder reply report reports request research response review reviews rewrite sale sales schedule section
sentence service services shop size slides social song source speech spelling spreadsheet statement status step steps story
strategy student study style subject suggest suggestion summaries summarise summarize support table tables teach teacher
template texts ticket tickets title tone topic translate translation travel trip user users version video videos visit
weather website weekly writing written
总结 报告 邮件 文章 翻译 客户 会议 合同 发票 天气 代码 文档 表格 数据 图片 照片 计划 方案 项目 产品
市场 分析 检查 修改 整理 回复 设计 学习 介绍 建议 价格 订单 用户 网站 页面 新闻 故事 标题 语言 中文
英文 英语 老师 学生 旅行 音乐 电影 列出 写一个 写一篇 解决 怎么解决 帮助 请帮 请写 处理 信息 完成
`;

const chinese = `
不是 不要 他们 但是 你们 其他 出来 因为 如何 如果 帮我 帮忙 请问 应该 已经 怎么 所以 所有 时候 时间 是否 有没有 没有 然后 现在 的话 知道 看看 给我
自己 看到 这个 这些 这样 还是 还有 那个 那些 那么 问题 需要 一些 一下 今天 明天 关于 内容 写一 告诉 回答 多少 大家 为什么 谢谢 进行 通过 非常 使用 生成
`;

export const commonWords: ReadonlySet<string> = new Set(
  `${english} ${errands} ${chinese}`.split(/\s+/).filter((word) => word !== ""),
);
