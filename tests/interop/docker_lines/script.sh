#!/bin/sh
# The usual lines of a deployment, as they are typed for Docker.
set -eu
docker load -i busybox.tar
docker tag busybox:latest app:1
id=$(docker create --name app -e MODE=test app:1 sh -c 'echo "mode $MODE"')
[ ${#id} = 64 ]
echo extra > extra.txt
docker cp extra.txt app:/srv/extra.txt
docker start -a app
docker diff app | sort
new=$(docker commit -m 'with extra' app app:2)
[ "${new%%:*}" = sha256 ]
docker run --rm app:2 cat /srv/extra.txt
docker export app | docker import -c 'CMD ["cat","/srv/extra.txt"]' - app:flat > /dev/null
docker run --rm app:flat
docker history app:flat --format '{{.Comment}}'
docker images app --format '{{.Tag}}' | sort
docker save app:1 app:2 app:flat | gzip > all.tar.gz
docker rm app
docker rmi -f app:1 app:2 app:flat > /dev/null
docker images -q app
docker load < all.tar.gz | sort
[ "$(docker inspect -f '{{.Id}}' app:2)" = "$new" ]
if docker inspect app:3 > /dev/null 2>&1; then exit 1; fi
docker run -d --name web app:1 sleep 600 > /dev/null
docker ps --filter name=web --format '{{.Names}} {{.Image}} {{.State}}'
docker exec web sh -c 'echo in > /tmp/x; cat /tmp/x'
docker stop -t 0 web
docker wait web
docker ps -aq --filter status=exited | xargs docker rm | wc -l
docker run --rm app:1 sh -c 'exit 42' || echo "code $?"
docker image prune -f
