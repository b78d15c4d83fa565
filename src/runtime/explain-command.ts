import { explainMatch } from '../routing/explain.ts';
import { Router } from '../routing/router.ts';
import { askedRequest, type Explained } from './explain-request.ts';
import { explainRoute } from './explain-route.ts';
import { readConfigFile } from './read-config.ts';

/** `sluice explain`: which route has the request, why the others have not, and what becomes of it. Exit code 1 when none has. */
export async function runExplain(explained: Explained): Promise<number> {
  const read = await readConfigFile(explained.configPath);
  if (read.kind === 'bad') {
    for (const problem of read.problems) console.error(problem);
    return 1;
  }
  const asked = askedRequest(explained);
  if (typeof asked === 'string') {
    console.error(`sluice: ${asked}`);
    return 2;
  }
  const router = new Router(read.config.routes.map((route) => ({ ...route, value: route })));
  for (const { name, line, outcome, reason } of explainMatch(router.routes, asked.facts)) {
    const mark = outcome === 'chosen' ? '→' : ' ';
    console.log(`${mark} ${name}${line > 0 ? ` (line ${line})` : ''}: ${reason}`);
  }
  const found = router.match(asked.facts);
  if (found.kind === 'found') {
    console.log(explainRoute(found, asked, read.config).join('\n'));
    return 0;
  }
  console.log(found.kind === 'no-route' ? 'no route: 404' : `no route for this method: 405, Allow: ${found.allow}`);
  return 1;
}
