/* References as every rule writes them: the most specific first. */
#ifndef AGENT_RULES_REMEDY_H
#define AGENT_RULES_REMEDY_H

#define REFERENCES(...)                                                                                      \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}

#define CIS_DOCKER(id) "CIS Docker Benchmark v1.6.0, " id
#define CIS_KUBERNETES(id) "CIS Kubernetes Benchmark v1.8, " id
#define SECURITY_HUB(id) "AWS Security Hub " id
#define ATTACK(id, name) "MITRE ATT&CK " id " " name
#define PSS_BASELINE "Kubernetes Pod Security Standards, baseline"
#define PSS_RESTRICTED "Kubernetes Pod Security Standards, restricted"
#define ECS_GUIDANCE                                                                                         \
	"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html"
#define ECS_FARGATE "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
#define ECS_PARAMETERS                                                                                       \
	"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"
#define T1611 ATTACK("T1611", "Escape to Host")

#endif
