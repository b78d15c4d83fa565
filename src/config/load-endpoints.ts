import { findingsOf } from './issues.ts';
import { formatPath, formatProblem } from './problem.ts';
import { asMap } from './raw.ts';
import type { EndpointConfig } from './types.ts';
import { endpoints } from './upstream-schema.ts';
import { readYaml } from './yaml-source.ts';

/** A list of endpoints as `endpoints` of an upstream has it, in YAML or JSON, by itself or as `endpoints` of a mapping; or what is wrong first. */
export function readEndpointList(text: string, fileName: string): readonly EndpointConfig[] | string {
  const source = readYaml(text);
  if (source.kind === 'bad') {
    const [first] = source.messages;
    return `${fileName}:${first?.line ?? 1}:${first?.column ?? 1}: ${first?.message ?? 'is no YAML'}`;
  }
  const isWrapped = !Array.isArray(source.value);
  const list = isWrapped ? asMap(source.value)['endpoints'] : source.value;
  const parsed = endpoints.safeParse(list);
  if (parsed.success) return parsed.data;
  const [finding] = findingsOf(parsed.error.issues, list);
  if (finding === undefined) return `${fileName}: is no list of endpoints`;
  const path = isWrapped ? ['endpoints', ...finding.path] : finding.path;
  const { remedy } = finding;
  const place = { file: fileName, ...source.locate(path, finding.at), path: formatPath(path), message: finding.message };
  return formatProblem(remedy === undefined ? place : { ...place, remedy });
}
